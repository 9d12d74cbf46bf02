"""The plugin for RL Baselines3 Zoo: importing this package turns it on.

``rl_zoo3 train ... --gym-packages sb3_hpo.plugin`` imports it after the options are parsed and before the
``ExperimentManager`` is built; ``sb3-hpo tune`` goes the same way. Training without ``-optimize`` is untouched.
"""

from sb3_hpo.plugin.registration import activate

activate()

"""The algorithms of SB3 itself, registered by entry points as anybody else's would be."""

from __future__ import annotations

from sb3_hpo.algorithms import Algorithm
from sb3_hpo.spaces.a2c import SPACE as A2C_SPACE
from sb3_hpo.spaces.ars import SPACE as ARS_SPACE
from sb3_hpo.spaces.crossq import SPACE as CROSSQ_SPACE
from sb3_hpo.spaces.ddpg import SPACE as DDPG_SPACE
from sb3_hpo.spaces.dqn import SPACE as DQN_SPACE
from sb3_hpo.spaces.ppo import SPACE as PPO_SPACE
from sb3_hpo.spaces.ppo_lstm import SPACE as PPO_LSTM_SPACE
from sb3_hpo.spaces.ppo_mask import SPACE as PPO_MASK_SPACE
from sb3_hpo.spaces.qrdqn import SPACE as QRDQN_SPACE
from sb3_hpo.spaces.sac import SPACE as SAC_SPACE
from sb3_hpo.spaces.td3 import SPACE as TD3_SPACE
from sb3_hpo.spaces.tqc import SPACE as TQC_SPACE
from sb3_hpo.spaces.trpo import SPACE as TRPO_SPACE

a2c = Algorithm("stable_baselines3:A2C", A2C_SPACE)
ars = Algorithm("sb3_contrib:ARS", ARS_SPACE)
crossq = Algorithm("sb3_contrib:CrossQ", CROSSQ_SPACE)
ddpg = Algorithm("stable_baselines3:DDPG", DDPG_SPACE)
dqn = Algorithm("stable_baselines3:DQN", DQN_SPACE)
ppo = Algorithm("stable_baselines3:PPO", PPO_SPACE)
ppo_lstm = Algorithm("sb3_contrib:RecurrentPPO", PPO_LSTM_SPACE)
ppo_mask = Algorithm("sb3_contrib:MaskablePPO", PPO_MASK_SPACE)
qrdqn = Algorithm("sb3_contrib:QRDQN", QRDQN_SPACE)
sac = Algorithm("stable_baselines3:SAC", SAC_SPACE)
td3 = Algorithm("stable_baselines3:TD3", TD3_SPACE)
tqc = Algorithm("sb3_contrib:TQC", TQC_SPACE)
trpo = Algorithm("sb3_contrib:TRPO", TRPO_SPACE)

"""What the search spaces of off-policy algorithms share: DQN and QR-DQN, DDPG and TD3, SAC, TQC and CrossQ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from sb3_hpo.features import HER, N_STEP_RETURNS
from sb3_hpo.parameter import Parameter
from sb3_hpo.spaces import common
from sb3_hpo.transforms import FractionOf, PowerOfTwo, ZeroAt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sb3_hpo.search_space import Budget

MAX_WARMUP_SHARE = 10
"""``learning_starts`` is at most one in so many of the budget's steps."""

HER_EPISODE_STEPS = 1_000
"""Length of an episode where the environment does not tell: that of Gymnasium's longest environments."""

_LOWEST_LEARNING_STARTS = 10

NETWORKS: Mapping[str, object] = {"small": [64, 64], "medium": [256, 256], "big": [400, 300]}
"""The networks that the zoo samples for off-policy algorithms."""


def replay(train_freq_low: int, train_freq_high: int, train_freq_default: int, source: str) -> tuple[Parameter, ...]:
    """The replay buffer and how much is trained on it.

    :param train_freq_low: logarithm to base 2 of the fewest steps between trainings
    :param train_freq_high: logarithm to base 2 of the most steps between trainings
    :param train_freq_default: SB3's default of ``train_freq``
    :param source: source of the range of ``train_freq``
    """
    return (
        Parameter(
            "train_freq_pow",
            IntDistribution(train_freq_low, train_freq_high),
            argument="train_freq",
            default=train_freq_default,
            transform=PowerOfTwo(),
            source=source,
        ),
        _gradient_steps(range(max(2, train_freq_low), train_freq_high + 1), always=train_freq_low >= 2),
        Parameter(
            "buffer_size",
            IntDistribution(10_000, 1_000_000, log=True),
            argument="buffer_size",
            default=1_000_000,
            source="from the 10,000 that the zoo trains MountainCar with to SB3's default",
        ),
        Parameter(
            "learning_starts",
            IntDistribution(_LOWEST_LEARNING_STARTS, 10_000, log=True),
            argument="learning_starts",
            default=100,
            transform=ZeroAt(_LOWEST_LEARNING_STARTS),
            source="the zoo trains with 0, for which the low end stands, to 10,000; SB3's default is 100",
        ),
    )


def _gradient_steps(train_freq_pows: Sequence[int], *, always: bool) -> Parameter:
    """Gradient steps as quarters of the environment steps between trainings, which must then be four or more."""
    return Parameter(
        "gradient_steps_fraction",
        FloatDistribution(0.25, 1.0, step=0.25),
        argument="gradient_steps",
        default=1,
        transform=FractionOf("train_freq"),
        source="the zoo trains with 1/4 (Atari), 1/2 (CartPole) and 1 (Acrobot) gradient steps per step",
        when={} if always else {"train_freq_pow": tuple(train_freq_pows)},
        otherwise=1.0,
    )


def epsilon_greedy(final_eps_default: float, fraction_default: float, fraction_low: float) -> tuple[Parameter, ...]:
    """The exploration of DQN and its variants, and their target network."""
    return (
        Parameter(
            "exploration_final_eps",
            FloatDistribution(0.0, 0.2),
            argument="exploration_final_eps",
            default=final_eps_default,
            source="the zoo samples it so",
        ),
        Parameter(
            "exploration_fraction",
            FloatDistribution(fraction_low, 0.5),
            argument="exploration_fraction",
            default=fraction_default,
            source="the zoo samples 0 to 0.5; SB3 divides by it, so not 0",
        ),
        Parameter(
            "target_update_interval",
            IntDistribution(1, 20_000, log=True),
            argument="target_update_interval",
            default=10_000,
            source="the zoo samples it so",
        ),
    )


def n_step_returns() -> Parameter:
    """How many rewards a target adds up before it takes the target network's word for the rest."""
    return Parameter(
        "n_steps",
        IntDistribution(1, 10, log=True),
        argument="n_steps",
        default=1,
        source="SB3's default is 1; Rainbow (https://arxiv.org/abs/1710.02298) takes 3 and finds 5 worse on Atari, "
        "Sutton and Barto (2018, figure 7.2) find 2 to 8 best on short chains; the zoo does not sample it",
        requires=frozenset({N_STEP_RETURNS}),
    )


def q_networks() -> tuple[Parameter, Parameter]:
    """The Q-network of DQN and its variants, and its activation function."""
    network = common.net_arch(NETWORKS, default=[64, 64], source="the zoo samples it so")
    return network, common.activation_fn("nn.ReLU")


def q_learning(learning_rate: float) -> tuple[Parameter, ...]:
    """What DQN and its variants begin with.

    :param learning_rate: SB3's default
    """
    source = "the zoo samples 1e-5 to 2e-3, but trains CartPole with 2.3e-3 and MountainCar with 4e-3"
    return (
        *common.learning_rate(learning_rate, 1e-5, 1e-2, source),
        common.discount(),
        common.batch_size(
            32,
            4,
            9,
            source="the zoo samples 2**2 to 2**11; it trains with 32 to 128, and a gradient step's cost grows with it",
        ),
        *replay(2, 8, 4, source="the zoo samples 1 to 10, but trains MountainCar with 16 and CartPole with 256"),
        n_step_returns(),
    )


def actor_critic(learning_rate: float) -> tuple[Parameter, ...]:
    """What all algorithms for continuous actions begin with.

    :param learning_rate: SB3's default
    """
    return (
        *common.learning_rate(learning_rate, 1e-5, 2e-3, source="the zoo samples it so, and trains within it"),
        common.discount(0.1, source="the zoo samples 0.97 to 0.9999, but trains FetchReach with 0.95; on-policy 0.9"),
        common.batch_size(
            256,
            5,
            9,
            source="the zoo samples 2**2 to 2**11 and trains with 64 to 512, for HER with up to 2048",
            widened={HER: IntDistribution(5, 11)},
        ),
        *replay(0, 6, 1, source="the zoo samples 1 to 10, but trains BipedalWalker with 64"),
    )


def tau() -> Parameter:
    """How far the target networks follow in one update."""
    return Parameter(
        "tau",
        FloatDistribution(0.001, 0.08, log=True),
        argument="tau",
        default=0.005,
        source="the zoo samples it so",
    )


def entropy() -> Parameter:
    """The coefficient of the entropy of a stochastic actor."""
    return Parameter(
        "ent_coef",
        CategoricalDistribution(["auto", 0.1, 0.05, 0.01, 0.005]),
        argument="ent_coef",
        default="auto",
        source="SB3 learns it; the zoo fixes 0.1 for MountainCarContinuous and 0.005 for BipedalWalkerHardcore",
    )


def gsde() -> tuple[Parameter, ...]:
    """Generalized state-dependent exploration of a stochastic actor."""
    return (*common.gsde(), common.log_std_init(-3.0, with_gsde_only=True))


def action_noise() -> tuple[Parameter, Parameter]:
    """Noise on the actions of a deterministic actor; None is no noise at all, whatever the base has."""
    kinds = ("normal", "ornstein-uhlenbeck")
    return (
        Parameter(
            "noise_type",
            CategoricalDistribution([None, *kinds]),
            argument="noise_type",
            default=None,
            source="the zoo samples it so",
        ),
        Parameter(
            "noise_std",
            FloatDistribution(0.01, 0.5),
            argument="noise_std",
            default=0.1,
            source="the zoo samples 0 to 0.5; 0 is no noise, which noise_type says",
            when={"noise_type": kinds},
        ),
    )


def continuous_net_arch(
    default: object,
    more: Mapping[str, object] | None = None,
    source: str = "the zoo samples it so; for HER it advises a very big one, too, and trains Fetch with it",
) -> Parameter:
    """The networks of actor and critic.

    :param more: further choices by name
    """
    return common.net_arch(
        {**NETWORKS, **(more or {})},
        default,
        source,
        heads=("pi", "qf"),
        widened={HER: {"verybig": [512, 512, 512]}},
    )


def deterministic_actor() -> tuple[Parameter, ...]:
    """The whole of DDPG's and TD3's space: in SB3, DDPG is TD3 without its tricks."""
    return (*actor_critic(1e-3), tau(), *action_noise(), continuous_net_arch([400, 300]), *hindsight())


def hindsight() -> tuple[Parameter, Parameter]:
    """Hindsight experience replay (https://arxiv.org/abs/1707.01495), for whatever algorithm has a policy for goals."""
    return (
        Parameter(
            "n_sampled_goal",
            IntDistribution(1, 8),
            argument="replay_buffer_kwargs.n_sampled_goal",
            default=4,
            source="the zoo samples 1 to 5; the paper compares up to 16 and finds 4 and 8 best",
            requires=frozenset({HER}),
        ),
        Parameter(
            "goal_selection_strategy",
            CategoricalDistribution(["final", "episode", "future"]),
            argument="replay_buffer_kwargs.goal_selection_strategy",
            default="future",
            source="the three there are",
            requires=frozenset({HER}),
        ),
    )


def fit_train_freq(configuration: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Train often enough for :data:`sb3_hpo.spaces.common.MIN_UPDATES` trainings, with as many gradient steps each.

    ``train_freq`` counts steps in each of ``n_envs`` environments. One given in episodes is left alone.
    """
    train_freq = configuration.get("train_freq")
    longest = max(1, budget.n_timesteps // (common.MIN_UPDATES * budget.n_envs))
    if not isinstance(train_freq, int) or train_freq <= longest:
        return dict(configuration)
    shorter = common.power_of_two_floor(longest)
    fitted = {**configuration, "train_freq": shorter}
    if configuration.get("gradient_steps", -1) > 0:
        fitted["gradient_steps"] = max(1, configuration["gradient_steps"] * shorter // train_freq)
    return fitted


def fit_learning_starts(configuration: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Leave most of the budget for learning; but hindsight replay cannot begin before an episode has ended."""
    learning_starts = min(configuration.get("learning_starts", 0), budget.n_timesteps // MAX_WARMUP_SHARE)
    if configuration.get("replay_buffer_class") == "HerReplayBuffer":
        episode_steps = budget.max_episode_steps or HER_EPISODE_STEPS
        learning_starts = max(learning_starts, episode_steps * budget.n_envs)
    if learning_starts == configuration.get("learning_starts", 0):
        return dict(configuration)
    return {**configuration, "learning_starts": learning_starts}


def fit_target_update(configuration: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """Update the target network not more often than once a step in all environments, which SB3 would warn of."""
    interval = configuration.get("target_update_interval", budget.n_envs)
    return (
        {**configuration, "target_update_interval": budget.n_envs} if interval < budget.n_envs else dict(configuration)
    )


FIT = (fit_train_freq, fit_learning_starts)
"""What every off-policy algorithm needs."""

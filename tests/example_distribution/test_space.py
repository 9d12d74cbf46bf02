"""How the author of an algorithm tests its search space."""

from clipped_dqn.tuning import ALGORITHM

from sb3_hpo.testing import SearchSpaceTestCase


class TestClippedDQN(SearchSpaceTestCase):
    search_space = ALGORITHM.search_space

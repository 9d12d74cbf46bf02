"""Tables of learning curves in the place of trainings: a search on one takes a second instead of a day."""

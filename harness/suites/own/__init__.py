"""Tasks of a user's own: a table of examples and a card that says how it is read. Cheap to import."""

from harness.suites.own.card import TaskCard, card_names, find_card, read_task_card
from harness.suites.own.task import card_task

__all__ = ["TaskCard", "card_names", "card_task", "find_card", "read_task_card"]

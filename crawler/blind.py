"""How many pages are fetched although nothing but a title tells of them. PURE."""

from __future__ import annotations

from msgspec import Struct


class Charge(Struct):
    """What one document took of the pages that may be fetched blindly, and what it was refused."""

    taken: int = 0
    refused: int = 0


class BlindFetches(Struct):
    """How many pages may be fetched in a round although nothing but a title tells of them, and how many were not."""

    most: int
    left: int = 0
    refused: int = 0

    def begin_round(self) -> None:
        """A new round may fetch as many again."""
        self.left = self.most

    def take(self, charge: Charge) -> bool:
        """Whether one more may be fetched in this round; it is put on the document's charge."""
        if self.left <= 0:
            self.refused += 1
            charge.refused += 1
            return False
        self.left -= 1
        charge.taken += 1
        return True

    def give_back(self, charge: Charge) -> None:
        """The document is written anew: what it was charged for was rolled back."""
        self.left = min(self.most, self.left + charge.taken)
        self.refused -= charge.refused
        charge.taken = charge.refused = 0

"""What Twilio's numbers mean: errors of a request, and why a message that was accepted did not arrive. Data.

Source: Twilio's error and warning dictionary.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.notify.notification import Delivery

OPTED_OUT: Final = 21610
CALLBACK_REFUSED: Final = 21609

ERRORS: Final[Mapping[int, tuple[bool, str, str]]] = {
    # code: (may be tried again, reason, what to do)
    14107: (True, "rateLimited", "the sender's rate is used up; it is tried again"),
    20003: (False, "authError", "check account_sid and auth_token"),
    20005: (False, "authError", "the account is not active; see Twilio's console"),
    20404: (False, "authError", "check account_sid"),
    20429: (True, "rateLimited", "Twilio did not take it; it is tried again"),
    21211: (False, "clientError", "the number to send to does not exist; correct it in escalation.yml"),
    21212: (False, "clientError", "the sender's number is not valid; correct channels.sms.from"),
    21408: (False, "clientError", "enable the country under Twilio's messaging geographic permissions"),
    21606: (False, "clientError", "channels.sms.from is not a number of this account that can send SMS"),
    21608: (False, "clientError", "a trial account reaches only verified numbers; verify it or upgrade"),
    OPTED_OUT: (False, "clientError", "this person answered STOP; they must text START to be told again"),
    21611: (True, "rateLimited", "the sender's queue is full; it is tried again"),
    21612: (False, "clientError", "Twilio cannot route from this sender to this number"),
    21614: (False, "clientError", "this is not a mobile number"),
    21617: (False, "clientError", "the text is too long"),
    21660: (False, "clientError", "channels.sms.from belongs to another account"),
    21703: (False, "clientError", "the messaging service has no number to send from; add one in Twilio's console"),
    30001: (True, "rateLimited", "Twilio's queue is full; it is tried again"),
    30002: (False, "authError", "the account is suspended; see Twilio's console"),
}

UNDELIVERED: Final[Mapping[int, tuple[bool, str]]] = {
    # code: (another try would fail as well, what it means)
    30001: (False, "Twilio's queue overflowed"),
    30002: (True, "the account is suspended"),
    30003: (False, "the phone is off or out of reach"),
    30004: (True, "the phone or its network blocks messages from this sender"),
    30005: (True, "the number is unknown or no longer in use"),
    30006: (True, "a landline, or a network that takes no messages"),
    30007: (True, "the network took it for spam; register the sender, or use another one"),
    30008: (False, "it failed for a reason that the network does not tell"),
    30022: (False, "the sender's daily or per-second allowance in this country is used up"),
    30032: (True, "the toll-free sender is not verified; verify it in Twilio's console"),
    30034: (True, "the sender is not registered for this country (A2P 10DLC); register it in Twilio's console"),
    30036: (True, "it was held back longer than a page may be late"),
}

_ARRIVED: Final = frozenset({"delivered", "read", "received"})
_LOST: Final = frozenset({"undelivered", "failed", "canceled"})


def delivery_of(status: str, code: int) -> Delivery:
    """Return what a message's status (and the error code of one that did not arrive) means."""
    if status in _ARRIVED:
        return Delivery("delivered", f"Twilio says {status}")
    if status not in _LOST:
        return Delivery("sent", f"Twilio says {status or 'nothing'}")
    permanent, meaning = UNDELIVERED.get(code, (True, "Twilio gives no reason that is known here"))
    shown = f", error {code}" if code else ""
    return Delivery("failed", f"Twilio says {status}{shown}: {meaning}", permanent=permanent)

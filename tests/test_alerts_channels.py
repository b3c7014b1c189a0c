"""Channels for real, on loopback: a webhook that fails, hangs and dies, a mail server, and no secret in what is said of them."""

from __future__ import annotations

import json
import subprocess
import sys

from webhook import MailServer, Webhook

from crawler.alerts.channels import CUT_OFF, Parcel, deliver, unusable
from crawler.alerts.sending import NO_ANSWER, _scrubbed

HOSTILE = "<script>alert(1)</script> [here](http://evil.example) *now* &amp; \u202e <!channel>"


def test_each_channel_for_itself_and_what_fails_costs_the_others_nothing() -> None:
    with Webhook() as good, Webhook(500, 404) as bad, Webhook("hang") as slow, Webhook("die") as dead:
        channels = {
            "good": good.address(),
            "bad": bad.address(),
            "slow": slow.address(query="?rto=20"),
            "dead": dead.address(),
            "typo": "slak://token",
        }
        names = ["good", "bad", "slow", "dead", "typo", "gone", "slow", "bad", "bad", "good"]
        found = deliver(channels, [Parcel(name, (1,), f"to {name}", HOSTILE) for name in names], seconds=3)
    assert found[0] is None
    assert found[1] is not None
    assert "error=500" in found[1]
    assert found[2] == NO_ANSWER
    assert found[3] is not None
    assert "error" in found[3]
    assert found[4] == "apprise cannot use its address"
    assert found[5] == "the file has no such channel any more"
    assert found[6] == NO_ANSWER
    assert len(slow.posts) == 1  # the second would have waited as long
    assert found[7] is not None
    assert found[8:] == [None, None]
    assert [post["message"] for post in good.posts] == [HOSTILE, HOSTILE]  # text, and nothing else


def test_all_of_it_ends_in_time_and_what_was_sent_until_then_is_known() -> None:
    with Webhook() as good, Webhook("hang") as slow:
        channels = {"good": good.address(), "slow": slow.address(query="?rto=60")}
        parcels = [Parcel(name, (1,), "a", "b") for name in channels]
        found = deliver(channels, parcels, seconds=60, longest=2.0)
    assert found == [None, CUT_OFF]


DELIVERED = """
import json, resource, sys
from crawler.alerts.channels import Parcel, deliver
channels = json.loads(sys.argv[1])
found = deliver(channels, [Parcel(name, (1,), "a", "b") for name in channels], seconds=30)
print(json.dumps([found, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))
"""


def test_an_answer_without_an_end_costs_a_bounded_memory_and_nobody_else() -> None:
    with Webhook("endless") as hostile, Webhook() as good:
        channels = json.dumps({"good": good.address(), "hostile": hostile.address(query="?rto=60")})
        # by a small process: of a child begins to count what its parent held
        command = [sys.executable, "-c", DELIVERED, channels]
        told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found, kilobytes = json.loads(told)
    assert found[0] is None
    assert found[1] is not None
    assert kilobytes < 512 * 1024


def test_a_redirect_is_no_delivery() -> None:
    with Webhook("moved") as hook:
        [error] = deliver({"desk": hook.address()}, [Parcel("desk", (1,), "a", "b")])
        assert error is not None
        assert "302" in error
        assert (len(hook.posts), hook.gets) == (1, [])


def test_an_address_that_cannot_be_used_is_known_before_it_is_needed() -> None:
    assert unusable({"hook": "json://127.0.0.1/x", "typo": "slak://secret-token"}) == {
        "typo": "apprise cannot use its address"
    }


def test_what_is_said_of_a_failure_holds_no_piece_of_the_address() -> None:
    with Webhook(503) as hook:
        address = hook.address("services/T0KEN-of-the-desk").replace("://", "://watcher:p%40ssw0rd@")
        [error] = deliver({"desk": address}, [Parcel("desk", (1,), "a", "b")])
    assert error is not None
    assert error.startswith("the channel did not take it: ")
    assert not [piece for piece in ("T0KEN", "watcher", "p%40ssw0rd", "p@ssw0rd", "127.0.0.1") if piece in error]
    said = "Failed: T0KEN-OF-THE-DESK, user watcher, p@ssw0rd and p%40ssw0rd\nat 127.0.0.1"
    assert _scrubbed(said, address) == "Failed: …, user …, … and … at …"


def test_a_mail_shows_the_page_and_a_webhook_the_text() -> None:
    page = "<!doctype html><html><body><h1>Digest</h1><p>Ceasefire &lt;b&gt; holds</p></body></html>"
    with MailServer() as server, Webhook() as hook:
        channels = {"mail": server.address, "hook": hook.address()}
        parcels = [Parcel("mail", (1,), "Digest", "as text", page), Parcel("hook", (2,), "Digest", "as text", page)]
        parcels.append(Parcel("mail", (3,), "New <b>match</b>", HOSTILE))
        assert deliver(channels, parcels) == [None, None, None]
    digest, match = server.mails
    kinds = {
        part.get_content_type(): part.get_payload(decode=True) for part in digest.walk() if not part.is_multipart()
    }
    assert b"<p>Ceasefire &lt;b&gt; holds</p>" in kinds["text/html"]
    assert b"Ceasefire <b> holds" in kinds["text/plain"]
    for part in match.walk():
        if part.get_content_type() == "text/html":
            assert b"<script>" not in part.get_payload(decode=True)
    assert hook.posts[0]["message"] == "as text"

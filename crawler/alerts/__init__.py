"""Being told: rules of the user's file, what they find, the messages that say so, and the channels that carry them.

rules      the file (`alerts.file`) as values; a mistake in it is one line
quiet      the hours in which nothing is sent
findings   what a look at the database finds for the rules; it reads
compose    findings as messages: plain text, one line for what strangers wrote
figures, digest   what a day brought and what was quiet; the same as text and as one page of HTML
channels, sending   messages to their channels: the child process that knows apprise, and what starts it
telling    one look: find, write, claim, send, record; the daemon's and the command's
"""

"""Everything that differs between a laptop and production, from the environment."""

import os

APP_URL = os.environ.get("APP_URL", "http://localhost:8000")
"""Where this app can be reached by the queue."""

QSTASH_URL = os.environ["QSTASH_URL"]
QSTASH_TOKEN = os.environ["QSTASH_TOKEN"]
CURRENT_SIGNING_KEY = os.environ["QSTASH_CURRENT_SIGNING_KEY"]
NEXT_SIGNING_KEY = os.environ["QSTASH_NEXT_SIGNING_KEY"]

# Any server that speaks OpenAI's API.
MODEL_URL = os.environ["MODEL_URL"]
MODEL_API_KEY = os.environ.get("MODEL_API_KEY", "none")
MODEL_NAME = os.environ.get("MODEL_NAME", "stand-in")

# Any provider that sends a mail for each `POST {url}/emails`.
MAIL_URL = os.environ["MAIL_URL"]
MAIL_API_KEY = os.environ.get("MAIL_API_KEY", "")
MAIL_FROM = os.environ.get("MAIL_FROM", "Feedback desk <desk@example.com>")
FOLLOW_UP_DELAY = os.environ.get("FOLLOW_UP_DELAY", "1d")

SUMMARY_CRON = os.environ.get("SUMMARY_CRON", "CRON_TZ=Europe/Berlin 0 8 * * *")
"""Each morning at eight, in Berlin, through winter and summer."""

DATABASE = os.environ.get("DATABASE", "feedback.db")

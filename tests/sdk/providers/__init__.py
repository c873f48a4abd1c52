"""The providers, each in its own dialect, on one server of the loopback.

Written from the providers' documentation, not from the gateway: every dialect's file first checks what it was sent as
strictly as the provider does, and refuses in the provider's own words. What is answered, the prompt decides
(`scenario.py`), so that one test asks the same of every provider.
"""

from providers.server import Server

__all__ = ["Server"]

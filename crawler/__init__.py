"""Everything that touches the network, Scrapy, or news judgement."""

__version__ = "0.1.0"
USER_AGENT = f"levantwatch/{__version__}"  # the contact is added by crawler.config

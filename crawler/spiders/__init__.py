"""The spiders. There is one road, so there is one spider for feeds, not one per publisher."""

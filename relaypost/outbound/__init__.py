"""Deliveries over real HTTP: connections, deadlines and the address guard."""

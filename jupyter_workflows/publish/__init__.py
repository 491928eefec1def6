"""A notebook's workflow as a tool (MCP) and an endpoint (REST) for others, by a gateway of its own.

Needs the extra `mcp`; what is published and who may call are files of the home, who called what is in Temporal.
"""

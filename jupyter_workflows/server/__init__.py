"""The Jupyter server extension: live views over one stream per page, and REST for scripts and people.

Requests arrive on the Jupyter server's event loop, which is never blocked: all that talks to Temporal runs on
`connection.loop_thread`.
"""

"""Pages of approvals: waiting steps, work that came back, and long work.

A signed-in approver, source owner or steward enters with a form. A page, or a redirect that tells what was
done, leaves.
"""

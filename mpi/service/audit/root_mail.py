"""Mail with a signed root, a copy out of everybody's reach."""

from dataclasses import dataclass
from email.message import EmailMessage

from mpi.domain.ledger.signed_root import SignedRoot
from mpi.service.notices.mail import MailServer, send_mail


@dataclass(frozen=True, slots=True)
class RootMailer:
    """Where and how signed roots are mailed.

    Args:
        server: the mail server.
        recipient: address of the auditor.
    """

    server: MailServer
    recipient: str

    def send(self, root: SignedRoot) -> None:
        """Mail a root as the line of the file.

        Raises:
            MailError: the server cannot be reached, or did not take the mail.
            MailUncertainError: the connection broke while the mail was handed over.
        """
        message = EmailMessage()
        message["From"], message["To"] = self.server.sender, self.recipient
        message["Subject"] = f"Signed root {root.number} of the disclosure ledger"
        # Base64 keeps the long line whole.
        message.set_content(root.to_line() + "\n", cte="base64")
        send_mail(self.server, message)

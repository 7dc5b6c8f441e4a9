"""usage: story.py BASE CLIENT_ID CLIENT_SECRET"""

import base64
import sys

from qiaojian_client import AuthenticatedClient
from qiaojian_client.api.oauth import oauth_token
from qiaojian_client.api.organizations import (
    organizations_close,
    organizations_create,
    organizations_get,
    organizations_list,
)
from qiaojian_client.models import (
    Host,
    Kind,
    Organization,
    OrganizationInput,
    PageOrganization,
    Problem,
    StepInput,
    TokenReply,
    TokenRequest,
)


def main() -> None:
    base, client_id, client_secret = sys.argv[1:]
    basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
    signing_in = AuthenticatedClient(base_url=base, token=basic, prefix="Basic")
    granted = oauth_token.sync(client=signing_in, body=TokenRequest(grant_type="client_credentials"))
    assert isinstance(granted, TokenReply), granted
    client = AuthenticatedClient(base_url=base, token=granted.access_token)

    listed = organizations_list.sync(client=client, area="340304", limit=5)
    assert isinstance(listed, PageOrganization), listed
    assert len(listed.items) == 5, listed

    wanted = OrganizationInput(
        area="340304", host=Host.UNIVERSITY, kind=Kind.FEDERATION, name="禹会区高校侨联"
    )
    recorded = organizations_create.sync(client=client, body=wanted, idempotency_key="story-2")
    assert isinstance(recorded, Organization), recorded

    read = organizations_get.sync(recorded.id, client=client)
    assert isinstance(read, Organization) and read.name == wanted.name, read

    step = StepInput.from_dict({"on": "2022-06-01", "reason": "x"})
    refused = organizations_close.sync(recorded.id, client=client, body=step)
    assert isinstance(refused, Problem), refused
    assert refused.type_ == "/problems/transition_refused" and refused.status == 409, refused
    print("clients: Python passes mypy --strict, and its story holds")


if __name__ == "__main__":
    main()

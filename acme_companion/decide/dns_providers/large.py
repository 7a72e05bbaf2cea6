"""The large providers, as dns-lexicon speaks to them: acme.sh's name and variables, and lexicon's name and options."""

from __future__ import annotations

from acme_companion.decide.dns_providers.provider import by, by_lexicon

LARGE = (
    by_lexicon(
        "dns_aws",
        "Amazon Route 53",
        "route53",
        by(auth_access_key="{AWS_ACCESS_KEY_ID}", auth_access_secret="{AWS_SECRET_ACCESS_KEY}"),
        unused=("AWS_DNS_SLOWRATE",),
        remark="an access key, not a role of the machine",
    ),
    by_lexicon(
        "dns_azure",
        "Azure DNS",
        "azure",
        by(
            auth_subscription_id="{AZUREDNS_SUBSCRIPTIONID}",
            auth_tenant_id="{AZUREDNS_TENANTID}",
            auth_client_id="{AZUREDNS_APPID}",
            auth_client_secret="{AZUREDNS_CLIENTSECRET}",
            resource_group="{AZUREDNS_RESOURCEGROUP}",
        ),
        remark="`AZUREDNS_RESOURCEGROUP` is not acme.sh's: it names the resource group that holds the zone",
    ),
    by_lexicon(
        "dns_cf",
        "Cloudflare",
        "cloudflare",
        by(auth_token="{CF_Token}"),
        by(auth_username="{CF_Email}", auth_token="{CF_Key}"),
        options={"zone_id": "{CF_Zone_ID}"},
        unused=("CF_Account_ID",),
        remark="the token needs Zone:Read and DNS:Edit; with `CF_Zone_ID` it may be of that zone only",
    ),
    by_lexicon("dns_dgon", "DigitalOcean", "digitalocean", by(auth_token="{DO_API_KEY}")),
    by_lexicon(
        "dns_gcloud",
        "Google Cloud DNS",
        "googleclouddns",
        by(auth_service_account_info="file::{GOOGLE_APPLICATION_CREDENTIALS}"),
        remark="not acme.sh's variable: the path of the service account's JSON file in the container",
    ),
    by_lexicon("dns_gd", "GoDaddy", "godaddy", by(auth_key="{GD_Key}", auth_secret="{GD_Secret}"), ttl=600),
    by_lexicon(
        "dns_hetzner",
        "Hetzner DNS Console",
        "hetzner",
        by(auth_token="{HETZNER_Token}"),
        remark="the old interface: a token of 32 characters",
    ),
    by_lexicon(
        "dns_hetznercloud",
        "Hetzner Cloud (Console)",
        "hetzner",
        by(auth_token="{HETZNER_TOKEN}"),
        unused=("HETZNER_TTL", "HETZNER_API", "HETZNER_MAX_ATTEMPTS"),
        remark="the new interface: a token of 64 characters",
    ),
    by_lexicon(
        "dns_ionos",
        "IONOS",
        "ionos",
        by(api_key="{IONOS_PREFIX}.{IONOS_SECRET}"),
    ),
    by_lexicon(
        "dns_ovh",
        "OVH",
        "ovh",
        by(
            auth_application_key="{OVH_AK}",
            auth_application_secret="{OVH_AS}",
            auth_consumer_key="{OVH_CK}",
        ),
        options={"auth_entrypoint": "{OVH_END_POINT}"},
        defaults={"OVH_END_POINT": "ovh-eu"},
        remark="without `OVH_END_POINT`: `ovh-eu`",
    ),
    by_lexicon(
        "dns_pdns",
        "PowerDNS",
        "powerdns",
        by(pdns_server="{PDNS_Url}", auth_token="{PDNS_Token}"),
        options={"pdns_server_id": "{PDNS_ServerId}"},
        unused=("PDNS_Ttl",),
    ),
)

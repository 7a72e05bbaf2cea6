"""The other providers that both acme.sh and dns-lexicon have.

Not here although both have them: providers whose interface keeps one value for a name only (Duck DNS, Zonomi), and those
whose credentials are of another kind at lexicon (Joker, Dynu, Plesk, DirectAdmin, Yandex Cloud, ConoHa).
"""

from __future__ import annotations

from acme_companion.decide.dns_providers.provider import by, by_lexicon

OTHERS = (
    by_lexicon(
        "dns_ali",
        "Alibaba Cloud DNS",
        "aliyun",
        by(auth_key_id="{Ali_Key}", auth_secret="{Ali_Secret}"),
        ttl=600,
    ),
    by_lexicon("dns_arvan", "ArvanCloud", "arvancloud", by(auth_token="{Arvan_Token}")),
    by_lexicon(
        "dns_aurora",
        "PCextreme AuroraDNS",
        "aurora",
        by(auth_api_key="{AURORA_Key}", auth_secret_key="{AURORA_Secret}"),
    ),
    by_lexicon(
        "dns_cloudns",
        "ClouDNS",
        "cloudns",
        by(auth_id="{CLOUDNS_AUTH_ID}", auth_password="{CLOUDNS_AUTH_PASSWORD}"),
        by(auth_subid="{CLOUDNS_SUB_AUTH_ID}", auth_password="{CLOUDNS_AUTH_PASSWORD}"),
    ),
    by_lexicon(
        "dns_constellix",
        "Constellix",
        "constellix",
        by(auth_username="{CONSTELLIX_Key}", auth_token="{CONSTELLIX_Secret}"),
    ),
    by_lexicon(
        "dns_desec", "deSEC", "desec", by(auth_token="{DEDYN_TOKEN}"), unused=("DEDYN_NAME",), ttl=3600
    ),
    by_lexicon("dns_dnsimple", "DNSimple", "dnsimple", by(auth_token="{DNSimple_OAUTH_TOKEN}")),
    by_lexicon(
        "dns_dnsservices",
        "DNS.Services",
        "dnsservices",
        by(auth_username="{DnsServices_Username}", auth_password="{DnsServices_Password}"),
    ),
    by_lexicon("dns_dp", "DNSPod", "dnspod", by(auth_username="{DP_Id}", auth_token="{DP_Key}"), ttl=600),
    by_lexicon("dns_dreamhost", "DreamHost", "dreamhost", by(auth_token="{DH_API_KEY}")),
    by_lexicon(
        "dns_easydns", "easyDNS", "easydns", by(auth_username="{EASYDNS_Token}", auth_token="{EASYDNS_Key}")
    ),
    by_lexicon(
        "dns_euserv",
        "EUserv",
        "euserv",
        by(auth_username="{EUSERV_Username}", auth_password="{EUSERV_Password}"),
    ),
    by_lexicon(
        "dns_exoscale",
        "Exoscale",
        "exoscale",
        by(auth_key="{EXOSCALE_API_KEY}", auth_secret="{EXOSCALE_SECRET_KEY}"),
    ),
    by_lexicon(
        "dns_gandi_livedns",
        "Gandi LiveDNS",
        "gandi",
        by(auth_token="{GANDI_LIVEDNS_TOKEN}"),
        by(auth_token="{GANDI_LIVEDNS_KEY}"),
        options={"api_protocol": "rest"},
        remark="a personal access token, or the older API key",
    ),
    by_lexicon(
        "dns_glesys",
        "GleSYS",
        "glesys",
        by(auth_username="{GLESYS_PROJECT_ID}", auth_token="{GLESYS_API_KEY}"),
        unused=("GLESYS_API", "GLESYS_TTL"),
    ),
    by_lexicon(
        "dns_he",
        "Hurricane Electric",
        "henet",
        by(auth_username="{HE_Username}", auth_password="{HE_Password}"),
    ),
    by_lexicon(
        "dns_hostingde",
        "hosting.de",
        "hostingde",
        by(auth_token="{HOSTINGDE_APIKEY}"),
        unused=("HOSTINGDE_ENDPOINT",),
    ),
    by_lexicon(
        "dns_infomaniak",
        "Infomaniak",
        "infomaniak",
        by(auth_token="{INFOMANIAK_API_TOKEN}"),
        unused=("INFOMANIAK_API_URL", "INFOMANIAK_TTL"),
    ),
    by_lexicon(
        "dns_internetbs",
        "Internet.bs",
        "internetbs",
        by(auth_key="{INTERNETBS_API_KEY}", auth_password="{INTERNETBS_API_PASSWORD}"),
    ),
    by_lexicon(
        "dns_inwx",
        "INWX",
        "inwx",
        by(auth_username="{INWX_User}", auth_password="{INWX_Password}"),
        remark="an account without two-factor login; `INWX_Shared_Secret` is not read",
    ),
    by_lexicon("dns_linode_v4", "Linode (Akamai)", "linode4", by(auth_token="{LINODE_V4_API_KEY}")),
    by_lexicon("dns_lua", "LuaDNS", "luadns", by(auth_username="{LUA_Email}", auth_token="{LUA_Key}")),
    by_lexicon(
        "dns_me", "DNS Made Easy", "dnsmadeeasy", by(auth_username="{ME_Key}", auth_token="{ME_Secret}")
    ),
    by_lexicon("dns_misaka", "Misaka.io", "misaka", by(auth_token="{Misaka_Key}")),
    by_lexicon(
        "dns_mythic_beasts",
        "Mythic Beasts",
        "mythicbeasts",
        by(auth_username="{MB_AK}", auth_password="{MB_AS}"),
    ),
    by_lexicon(
        "dns_namecheap",
        "Namecheap",
        "namecheap",
        by(
            auth_username="{NAMECHEAP_USERNAME}",
            auth_token="{NAMECHEAP_API_KEY}",
            auth_client_ip="{NAMECHEAP_SOURCEIP}",
        ),
        remark="`NAMECHEAP_SOURCEIP` is this server's IPv4 address, and must be allowed at Namecheap",
    ),
    by_lexicon(
        "dns_namecom",
        "Name.com",
        "namecom",
        by(auth_username="{Namecom_Username}", auth_token="{Namecom_Token}"),
    ),
    by_lexicon("dns_namesilo", "NameSilo", "namesilo", by(auth_token="{Namesilo_Key}"), ttl=3600),
    by_lexicon(
        "dns_netcup",
        "netcup",
        "netcup",
        by(auth_customer_id="{NC_CID}", auth_api_key="{NC_Apikey}", auth_api_password="{NC_Apipw}"),
        remark="the CCP interface; publishing takes netcup up to fifteen minutes: raise `ACME_DNS_TIMEOUT`",
    ),
    by_lexicon("dns_njalla", "Njalla", "njalla", by(auth_token="{NJALLA_Token}")),
    by_lexicon("dns_nsone", "NS1", "nsone", by(auth_token="{NS1_Key}")),
    by_lexicon("dns_online", "Online.net", "online", by(auth_token="{ONLINE_API_KEY}")),
    by_lexicon(
        "dns_pointhq", "PointHQ", "pointhq", by(auth_username="{PointHQ_Email}", auth_token="{PointHQ_Key}")
    ),
    by_lexicon(
        "dns_porkbun",
        "Porkbun",
        "porkbun",
        by(auth_key="{PORKBUN_API_KEY}", auth_secret="{PORKBUN_SECRET_API_KEY}"),
        ttl=600,
    ),
    by_lexicon(
        "dns_rackspace",
        "Rackspace",
        "rackspace",
        by(auth_username="{RACKSPACE_Username}", auth_api_key="{RACKSPACE_Apikey}"),
    ),
    by_lexicon(
        "dns_rage4", "Rage4", "rage4", by(auth_username="{RAGE4_USERNAME}", auth_token="{RAGE4_TOKEN}")
    ),
    by_lexicon(
        "dns_rcode0",
        "RcodeZero",
        "rcodezero",
        by(auth_token="{RCODE0_API_TOKEN}"),
        unused=("RCODE0_URL", "RCODE0_TTL"),
    ),
    by_lexicon("dns_scaleway", "Scaleway", "scaleway", by(auth_secret_key="{SCALEWAY_API_TOKEN}")),
    by_lexicon("dns_timeweb", "Timeweb Cloud", "timeweb", by(auth_token="{TW_Token}")),
    by_lexicon(
        "dns_transip",
        "TransIP",
        "transip",
        by(auth_username="{TRANSIP_Username}", auth_api_key="{TRANSIP_Key_File}"),
        remark="`TRANSIP_Key_File` is a path in the container",
    ),
    by_lexicon(
        "dns_ultra", "UltraDNS", "ultradns", by(auth_username="{ULTRA_USR}", auth_password="{ULTRA_PWD}")
    ),
    by_lexicon("dns_vercel", "Vercel", "vercel", by(auth_token="{VERCEL_TOKEN}")),
    by_lexicon("dns_vultr", "Vultr", "vultr", by(auth_token="{VULTR_API_KEY}")),
    by_lexicon("dns_zilore", "Zilore", "zilore", by(auth_key="{Zilore_Key}"), ttl=600),
)

// A small DMZ in three clouds: a web server that anybody may reach, a database that only it may, an admin network.
#pragma once

namespace demarc::samples {

inline constexpr const char* kAws = R"({
  "SecurityGroups": [
    {
      "GroupId": "sg-web", "GroupName": "web", "VpcId": "vpc-1", "OwnerId": "111122223333",
      "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
         "IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "the public site"}],
         "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "PrefixListIds": [], "UserIdGroupPairs": []},
        {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1,
         "IpRanges": [{"CidrIp": "198.51.100.0/24"}], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
      ],
      "IpPermissionsEgress": [
        {"IpProtocol": "tcp", "FromPort": 1433, "ToPort": 1433, "IpRanges": [], "Ipv6Ranges": [],
         "PrefixListIds": [], "UserIdGroupPairs": [{"GroupId": "sg-db", "UserId": "111122223333"}]},
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [], "Ipv6Ranges": [],
         "PrefixListIds": [{"PrefixListId": "pl-s3"}], "UserIdGroupPairs": []}
      ]
    },
    {
      "GroupId": "sg-db", "GroupName": "db", "VpcId": "vpc-1",
      "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 1433, "ToPort": 1433, "IpRanges": [], "Ipv6Ranges": [],
         "PrefixListIds": [], "UserIdGroupPairs": [{"GroupId": "sg-web", "Description": "only the web server"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "198.51.100.16/28"}], "Ipv6Ranges": [],
         "PrefixListIds": [], "UserIdGroupPairs": []}
      ],
      "IpPermissionsEgress": []
    }
  ],
  "NetworkInterfaces": [
    {"NetworkInterfaceId": "eni-web", "SubnetId": "subnet-front", "VpcId": "vpc-1",
     "Attachment": {"InstanceId": "i-web"}, "Groups": [{"GroupId": "sg-web", "GroupName": "web"}],
     "PrivateIpAddress": "10.0.1.10",
     "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.10", "Primary": true,
                             "Association": {"PublicIp": "203.0.113.10"}}]},
    {"NetworkInterfaceId": "eni-db", "SubnetId": "subnet-back", "VpcId": "vpc-1",
     "Groups": [{"GroupId": "sg-db"}], "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.2.33"}]}
  ],
  "NetworkAcls": [
    {"NetworkAclId": "acl-back", "VpcId": "vpc-1",
     "Associations": [{"SubnetId": "subnet-back", "NetworkAclId": "acl-back"}],
     "Entries": [
       {"RuleNumber": 32767, "Egress": false, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": "0.0.0.0/0"},
       {"RuleNumber": 100, "Egress": false, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "10.0.1.0/24",
        "PortRange": {"From": 1433, "To": 1433}},
       {"RuleNumber": 90, "Egress": false, "Protocol": "1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0",
        "IcmpTypeCode": {"Type": 8, "Code": -1}},
       {"RuleNumber": 100, "Egress": true, "Protocol": "6", "RuleAction": "allow", "CidrBlock": "10.0.1.0/24",
        "PortRange": {"From": 1024, "To": 65535}},
       {"RuleNumber": 32767, "Egress": true, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": "0.0.0.0/0"}
     ]},
    {"NetworkAclId": "acl-front", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-front"}],
     "Entries": [
       {"RuleNumber": 100, "Egress": false, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"},
       {"RuleNumber": 100, "Egress": true, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
     ]}
  ]
}
)";

inline constexpr const char* kAzure = R"([
  {
    "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/front-nsg",
    "name": "front-nsg", "location": "westeurope", "type": "Microsoft.Network/networkSecurityGroups",
    "networkInterfaces": [{"id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/web-nic"}],
    "securityRules": [
      {"name": "https", "priority": 200, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
       "sourceAddressPrefix": "Internet", "sourcePortRange": "*",
       "destinationAddressPrefix": "10.0.1.10", "destinationPortRange": "443"},
      {"name": "admins", "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "*",
       "sourceAddressPrefixes": ["198.51.100.16/28", "198.51.100.64"], "sourcePortRange": "*",
       "destinationAddressPrefix": "*", "destinationPortRanges": ["22", "8000-8010"],
       "description": "jump hosts"},
      {"name": "no-smb", "priority": 150, "direction": "Inbound", "access": "Deny", "protocol": "*",
       "sourceAddressPrefix": "*", "sourcePortRange": "*",
       "destinationAddressPrefix": "*", "destinationPortRange": "445"},
      {"name": "db-only", "priority": 100, "direction": "Outbound", "access": "Allow", "protocol": "Tcp",
       "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "10.0.2.33/32",
       "destinationPortRange": "1433"},
      {"name": "nothing-else", "priority": 4096, "direction": "Outbound", "access": "Deny", "protocol": "*",
       "sourceAddressPrefix": "*", "sourcePortRange": "*",
       "destinationAddressPrefix": "*", "destinationPortRange": "*"}
    ],
    "defaultSecurityRules": [
      {"name": "AllowVnetInBound", "priority": 65000, "direction": "Inbound", "access": "Allow", "protocol": "*",
       "sourceAddressPrefix": "VirtualNetwork", "sourcePortRange": "*",
       "destinationAddressPrefix": "VirtualNetwork", "destinationPortRange": "*"},
      {"name": "AllowAzureLoadBalancerInBound", "priority": 65001, "direction": "Inbound", "access": "Allow",
       "protocol": "*", "sourceAddressPrefix": "AzureLoadBalancer", "sourcePortRange": "*",
       "destinationAddressPrefix": "*", "destinationPortRange": "*"},
      {"name": "DenyAllInBound", "priority": 65500, "direction": "Inbound", "access": "Deny", "protocol": "*",
       "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "*"}
    ]
  },
  {
    "id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/subnet-nsg",
    "name": "subnet-nsg",
    "subnets": [{"id": "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v/subnets/front"}],
    "securityRules": [
      {"name": "web", "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
       "sourceAddressPrefix": "*", "sourcePortRange": "*",
       "destinationAddressPrefix": "*", "destinationPortRanges": ["443", "22", "445"]}
    ]
  }
]
)";

inline constexpr const char* kGcp = R"([
  {
    "kind": "compute#firewall", "name": "allow-https", "description": "the public site",
    "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz",
    "direction": "INGRESS", "priority": 1000, "sourceRanges": ["0.0.0.0/0"], "targetTags": ["web"],
    "allowed": [{"IPProtocol": "tcp", "ports": ["443", "8000-8010"]}], "disabled": false
  },
  {
    "kind": "compute#firewall", "name": "allow-db",
    "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz",
    "direction": "INGRESS", "priority": 1000, "sourceTags": ["web"], "targetServiceAccounts": ["db@p.example"],
    "allowed": [{"IPProtocol": "tcp", "ports": ["1433"]}]
  },
  {
    "kind": "compute#firewall", "name": "deny-smb",
    "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz",
    "direction": "INGRESS", "priority": 1000, "denied": [{"IPProtocol": "tcp", "ports": ["445"]}]
  },
  {
    "kind": "compute#firewall", "name": "allow-smb",
    "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz",
    "direction": "INGRESS", "priority": 1000, "sourceRanges": ["198.51.100.0/24"],
    "allowed": [{"IPProtocol": "tcp", "ports": ["445"]}, {"IPProtocol": "icmp"}]
  },
  {
    "kind": "compute#firewall", "name": "old",
    "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz",
    "direction": "INGRESS", "priority": 10, "sourceRanges": ["0.0.0.0/0"], "disabled": true,
    "allowed": [{"IPProtocol": "all"}]
  },
  {
    "kind": "compute#firewall", "name": "no-way-out",
    "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz",
    "direction": "EGRESS", "priority": 900, "destinationRanges": ["198.51.100.0/24"], "targetTags": ["web"],
    "denied": [{"IPProtocol": "all"}]
  }
]
)";

inline constexpr const char* kGcpInstances = R"([
  {"kind": "compute#instance", "name": "web1", "tags": {"items": ["web", "https-server"]},
   "serviceAccounts": [{"email": "web@p.example"}],
   "networkInterfaces": [{"name": "nic0", "networkIP": "10.0.1.10",
     "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz",
     "accessConfigs": [{"natIP": "203.0.113.10"}]}]},
  {"kind": "compute#instance", "name": "db1", "tags": {},
   "serviceAccounts": [{"email": "db@p.example"}],
   "networkInterfaces": [{"name": "nic0", "networkIP": "10.0.2.33",
     "network": "https://www.googleapis.com/compute/v1/projects/p/global/networks/dmz"}]}
]
)";

}  // namespace demarc::samples

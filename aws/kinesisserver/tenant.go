package kinesisserver

import (
	"net"
	"strings"
)

// A tenant is an account in a region, as a request names them; empty where it
// names none.
type tenant struct {
	account string
	region  string
}

// tenantOf reads whom a request is for: from its host, where it has one of the
// service's forms, and else from the credential that it is signed with. An
// access key of twelve digits is taken for the account's id.
func tenantOf(host string, cred credential) tenant {
	tn := tenantOfHost(host)
	if tn.region == "" && isRegion(cred.region) {
		tn.region = cred.region
	}
	if tn.account == "" && isAccountID(cred.accessKey) {
		tn.account = cred.accessKey
	}
	return tn
}

// tenantOfHost reads the account and the region of a host of the service:
// kinesis.REGION.amazonaws.com, kinesis-fips, kinesis.REGION.api.aws, or
// ACCOUNT.control-kinesis and ACCOUNT.data-kinesis before the same, and likewise
// kinesis-queues. Where the id of a channel or a queue has the place of the
// account, as the service's endpoint rules have it for operations on these, the
// host names no account.
func tenantOfHost(host string) tenant {
	host = strings.ToLower(host)
	if !strings.Contains(host, "kinesis") { // as in 127.0.0.1:4567
		return tenant{}
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	labels := strings.Split(host, ".")
	var tn tenant
	for i, label := range labels {
		if i+2 < len(labels) && isServiceLabel(label) && isRegion(labels[i+1]) && isServiceDomain(labels[i+2]) {
			tn.region = labels[i+1]
			if i == 1 && isAccountID(labels[0]) {
				tn.account = labels[0]
			}
		}
	}
	return tn
}

func isServiceLabel(label string) bool {
	switch strings.TrimSuffix(label, "-fips") {
	case "kinesis", "control-kinesis", "data-kinesis",
		"kinesis-queues", "control-kinesis-queues", "data-kinesis-queues":
		return true
	}
	return false
}

func isServiceDomain(label string) bool { return label == "amazonaws" || label == "api" }

// isAccountID reports whether s is the twelve digits of an account's id.
func isAccountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// isRegion reports whether s can be the name of a region.
func isRegion(s string) bool {
	const longest = 32
	return s != "" && len(s) <= longest && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		strings.Contains(s, "-")
}

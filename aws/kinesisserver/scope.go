package kinesisserver

import (
	"net"
	"net/http"
	"strings"
)

// A scope is what a request says of the account and the region that it is for;
// empty where it says nothing.
type scope struct {
	account string
	region  string
}

// scopeOf reads the scope of a request: from its host, where it has one of the
// service's forms, and else from the credential that it is signed with. An
// access key of twelve digits is taken for the account's id.
func scopeOf(r *http.Request) scope {
	sc := hostScope(r.Host)
	cred := credentialOf(r)
	if sc.region == "" && isRegion(cred.region) {
		sc.region = cred.region
	}
	if sc.account == "" && isAccountID(cred.accessKey) {
		sc.account = cred.accessKey
	}
	return sc
}

// hostScope reads the account and the region of a host of the service:
// kinesis.REGION.amazonaws.com, kinesis-fips, kinesis.REGION.api.aws, or
// ACCOUNT.control-kinesis and ACCOUNT.data-kinesis before the same.
func hostScope(host string) scope {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	labels := strings.Split(strings.ToLower(host), ".")
	var sc scope
	for i, label := range labels {
		if i+2 < len(labels) && isServiceLabel(label) && isRegion(labels[i+1]) && isServiceDomain(labels[i+2]) {
			sc.region = labels[i+1]
			if i == 1 && isAccountID(labels[0]) {
				sc.account = labels[0]
			}
		}
	}
	return sc
}

func isServiceLabel(label string) bool {
	switch strings.TrimSuffix(label, "-fips") {
	case "kinesis", "control-kinesis", "data-kinesis":
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

// A credential is what a signature names: the access key, and where and when it
// holds.
type credential struct {
	accessKey, date, region, service, terminal string
}

// credentialOf reads the credential of a signed request, without a word on
// whether the signature is right.
func credentialOf(r *http.Request) credential {
	if auth := r.Header.Get("Authorization"); auth != "" {
		return parseCredential(authParams(auth)["Credential"])
	}
	if r.URL.RawQuery == "" {
		return credential{}
	}
	return parseCredential(r.URL.Query().Get("X-Amz-Credential"))
}

// parseCredential takes KEY/DATE/REGION/SERVICE/aws4_request apart, from the
// right because the key may have slashes.
func parseCredential(s string) credential {
	parts := strings.Split(s, "/")
	n := len(parts)
	if n < 5 {
		return credential{}
	}
	return credential{
		accessKey: strings.Join(parts[:n-4], "/"),
		date:      parts[n-4], region: parts[n-3], service: parts[n-2], terminal: parts[n-1],
	}
}

// scope returns the credential without its key, as signatures use it.
func (c credential) scope() string {
	return c.date + "/" + c.region + "/" + c.service + "/" + c.terminal
}

// authParams returns the name=value parts of an Authorization header, whether
// commas or blanks are between them.
func authParams(header string) map[string]string {
	params := make(map[string]string, 3)
	_, rest, _ := strings.Cut(header, " ")
	for part := range strings.FieldsFuncSeq(rest, func(c rune) bool { return c == ',' || c == ' ' }) {
		name, v, _ := strings.Cut(part, "=")
		params[name] = v
	}
	return params
}

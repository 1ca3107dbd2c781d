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
func scopeOf(host string, cred credential) scope {
	sc := hostScope(host)
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
	host = strings.ToLower(host)
	if !strings.Contains(host, "kinesis") { // as in 127.0.0.1:4567
		return scope{}
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	labels := strings.Split(host, ".")
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
		return parseCredential(authParam(auth, "Credential"))
	}
	if r.URL.RawQuery == "" {
		return credential{}
	}
	return parseCredential(r.URL.Query().Get("X-Amz-Credential"))
}

// parseCredential takes KEY/DATE/REGION/SERVICE/aws4_request apart, from the
// right because the key may have slashes.
func parseCredential(s string) (c credential) {
	var ok bool
	for _, part := range []*string{&c.terminal, &c.service, &c.region, &c.date} {
		if s, *part, ok = cutLast(s, '/'); !ok {
			return credential{}
		}
	}
	c.accessKey = s
	return c
}

// cutLast splits a text at the last sep.
func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// scope returns the credential without its key, as signatures use it.
func (c credential) scope() string {
	return c.date + "/" + c.region + "/" + c.service + "/" + c.terminal
}

// authParam returns the last part of an Authorization header with a name, as
// authParams reads it; empty if there is none.
func authParam(header, name string) string {
	for end := len(header); ; {
		i := strings.LastIndex(header[:end], name)
		if i <= 0 {
			return ""
		}
		end = i
		after, ok := strings.CutPrefix(header[i+len(name):], "=")
		if ok && (header[i-1] == ' ' || header[i-1] == ',') {
			if stop := strings.IndexAny(after, ", "); stop >= 0 {
				after = after[:stop]
			}
			return after
		}
	}
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

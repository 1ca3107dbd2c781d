package kinesisserver

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Credential is a key that requests may be signed with.
type Credential struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken, unless empty, must come with each request.
	SessionToken string
	// AccountID is the account that requests with this key are for, twelve
	// digits. Empty means what the request's host or [Config.AccountID] says.
	AccountID string
}

// The ingredients of a signature.
const (
	algorithm   = "AWS4-HMAC-SHA256"
	amzDate     = "20060102T150405Z"
	serviceName = "kinesis"
)

// maxSkew is how far a request's time may be from the server's.
const maxSkew = 15 * time.Minute

// An identity is the signature of a request and the credential that it names.
type identity struct {
	signature signature
	key       Credential
}

// identify reads whose signature a request has, if the server has credentials
// to check it with; whether it is right needs the body.
func (s *Server) identify(r *http.Request) (*identity, error) {
	if len(s.credentials) == 0 {
		return nil, nil
	}
	sig, err := readSignature(r)
	if err != nil {
		return nil, err
	}
	key, ok := s.credentials[sig.credential.accessKey]
	if !ok || sig.token != key.SessionToken {
		return nil, badRequest("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	return &identity{sig, key}, nil
}

// authenticate checks the signature of a request, if the server has credentials
// to check it with.
func (s *Server) authenticate(x *exchange, r *http.Request) error {
	x.accessID = x.credential.accessKey
	if x.identity == nil {
		return x.refused
	}
	key := x.identity.key
	if err := x.identity.signature.check(r, x.body, key.SecretAccessKey, s.now()); err != nil {
		return err
	}
	if key.AccountID != "" {
		x.tenant.account = key.AccountID
	}
	return nil
}

// A signature is what a request says of its signature, in its headers or its
// query.
type signature struct {
	credential credential
	signed     []string // the names of the headers that are signed, in lower case
	given      string   // in hexadecimal
	date       string
	token      string
	lifetime   time.Duration // of a presigned request; else 0
	inQuery    bool
}

// readSignature reads the signature of a request, or says what it lacks.
func readSignature(r *http.Request) (signature, error) {
	header, query := r.Header.Get("Authorization"), r.URL.Query()
	inQuery := query.Has("X-Amz-Algorithm")
	switch {
	case header != "" && inQuery:
		return signature{}, errTwoSignatures
	case header != "":
		return readHeaderSignature(r, header)
	case inQuery:
		return readQuerySignature(query)
	}
	return signature{}, errMissingToken
}

func readHeaderSignature(r *http.Request, header string) (signature, error) {
	params := authParams(header)
	lacks := ""
	for _, name := range []string{"Credential", "Signature", "SignedHeaders"} {
		if params[name] == "" {
			lacks += "Authorization header requires '" + name + "' parameter. "
		}
	}
	date := r.Header.Get("X-Amz-Date")
	if date == "" {
		date = httpDate(r.Header.Get("Date"))
	}
	if date == "" && r.Header.Get("Date") == "" {
		lacks += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	}
	if lacks != "" {
		return signature{}, badRequest("IncompleteSignatureException", lacks+"Authorization="+clipTo(header, maxShownBytes))
	}
	if name, _, _ := strings.Cut(header, " "); name != algorithm {
		return signature{}, otherAlgorithm(name)
	}
	return signature{
		credential: parseCredential(params["Credential"]),
		signed:     strings.Split(params["SignedHeaders"], ";"),
		given:      params["Signature"], date: date, token: r.Header.Get("X-Amz-Security-Token"),
	}, nil
}

// otherAlgorithm refuses a signature of another kind. The words are ours.
func otherAlgorithm(name string) error {
	return badRequest("IncompleteSignatureException", "Unsupported AWS 'algorithm': '"+clip(name)+"'.")
}

// httpDate turns a Date header into the form of X-Amz-Date; "" if it is none.
func httpDate(date string) string {
	if t, err := http.ParseTime(date); err == nil {
		return t.UTC().Format(amzDate)
	}
	return ""
}

func readQuerySignature(query url.Values) (signature, error) {
	lacks := ""
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"} {
		if query.Get(name) == "" {
			lacks += "AWS query-string parameters must include '" + name + "'. "
		}
	}
	if lacks != "" {
		return signature{}, badRequest("IncompleteSignatureException", lacks+"Re-examine the query-string parameters.")
	}
	if name := query.Get("X-Amz-Algorithm"); name != algorithm {
		return signature{}, otherAlgorithm(name)
	}
	sig := signature{
		credential: parseCredential(query.Get("X-Amz-Credential")),
		signed:     strings.Split(query.Get("X-Amz-SignedHeaders"), ";"),
		given:      query.Get("X-Amz-Signature"), date: query.Get("X-Amz-Date"),
		token: query.Get("X-Amz-Security-Token"), inQuery: true, lifetime: maxSkew,
	}
	if text := query.Get("X-Amz-Expires"); text != "" {
		seconds, err := time.ParseDuration(text + "s")
		if err != nil || seconds < 0 || seconds > 7*24*time.Hour {
			return signature{}, badRequest("IncompleteSignatureException", "X-Amz-Expires must be a number of seconds below 604800.")
		}
		sig.lifetime = seconds
	}
	return sig, nil
}

// check checks a signature: its time, then its scope, then itself.
func (sig *signature) check(r *http.Request, body []byte, secret string, now time.Time) error {
	at, err := time.Parse(amzDate, sig.date)
	if err != nil || sig.credential.date != at.Format("20060102") {
		return badRequest("IncompleteSignatureException", "Date must be in ISO-8601 'basic format' and agree with the credential's. Got '"+clip(sig.date)+"'.")
	}
	if err := sig.checkTime(at, now); err != nil {
		return err
	}
	if sig.credential.service != serviceName || sig.credential.terminal != "aws4_request" {
		return badRequest("InvalidSignatureException", "Credential should be scoped to correct service: '"+serviceName+"'.")
	}
	if !sig.coversHost(r) {
		return badRequest("InvalidSignatureException", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if !sig.coversTarget(r) {
		return badRequest("InvalidSignatureException", "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.")
	}
	want := sig.sign(r, body, secret)
	if !hmac.Equal([]byte(want), []byte(sig.given)) {
		return badRequest("InvalidSignatureException", "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// coversTarget reports whether what names the operation is signed, or not
// there: as a header, or, in a presigned request, as a parameter of the same
// value.
func (sig *signature) coversTarget(r *http.Request) bool {
	header := r.Header.Get(headerTarget)
	return header == "" || slices.Contains(sig.signed, "x-amz-target") ||
		sig.inQuery && r.URL.Query().Get(headerTarget) == header
}

func (sig *signature) checkTime(at, now time.Time) error {
	stamp := func(t time.Time) string { return t.UTC().Format(amzDate) }
	lifetime := maxSkew
	if sig.inQuery {
		lifetime = sig.lifetime
	}
	switch {
	case now.Sub(at) > lifetime:
		return badRequest("InvalidSignatureException", "Signature expired: "+sig.date+" is now earlier than "+
			stamp(now.Add(-lifetime))+" ("+stamp(now)+" - "+minutes(lifetime)+".)")
	case at.Sub(now) > maxSkew:
		return badRequest("InvalidSignatureException", "Signature not yet current: "+sig.date+" is still later than "+
			stamp(now.Add(maxSkew))+" ("+stamp(now)+" + "+minutes(maxSkew)+".)")
	}
	return nil
}

// minutes prints how long a signature holds, in seconds if it is less than a
// minute.
func minutes(d time.Duration) string {
	if d < time.Minute {
		return strconv.Itoa(int(d/time.Second)) + " sec"
	}
	return strconv.Itoa(int(d/time.Minute)) + " min"
}

// sign computes the signature that a request should have.
func (sig *signature) sign(r *http.Request, body []byte, secret string) string {
	canonical := sha256.Sum256([]byte(sig.canonical(r, body)))
	text := algorithm + "\n" + sig.date + "\n" + sig.credential.scope() + "\n" + hex.EncodeToString(canonical[:])
	key := []byte("AWS4" + secret)
	for _, part := range []string{sig.credential.date, sig.credential.region, sig.credential.service, sig.credential.terminal} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// canonical returns the canonical form of a request. The body is hashed here,
// whatever hash the request claims.
func (sig *signature) canonical(r *http.Request, body []byte) string {
	hash := sha256.Sum256(body)
	var b strings.Builder
	b.WriteString(r.Method + "\n" + canonicalPath(r.URL) + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, name := range sig.signed {
		b.WriteString(name + ":" + canonicalHeader(r, name) + "\n")
	}
	b.WriteString("\n" + strings.Join(sig.signed, ";") + "\n" + hex.EncodeToString(hash[:]))
	return b.String()
}

// canonicalPath escapes the path once more, as all services but S3 do.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		return "/"
	}
	return strings.ReplaceAll(escape(path), "%2F", "/")
}

func canonicalQuery(query url.Values) string {
	query.Del("X-Amz-Signature")
	var pairs []string
	for name, values := range query {
		for _, v := range values {
			pairs = append(pairs, escape(name)+"="+escape(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// escape escapes all but the unreserved characters of RFC 3986.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// authority is what HTTP/2 has in place of the host header. The SDK for
// JavaScript signs it by that name.
const authority = ":authority"

// coversHost reports whether the host that the request names is signed.
func (sig *signature) coversHost(r *http.Request) bool {
	return slices.Contains(sig.signed, "host") || r.ProtoMajor >= 2 && slices.Contains(sig.signed, authority)
}

// canonicalHeader returns the values of a header, blanks in them reduced.
func canonicalHeader(r *http.Request, name string) string {
	switch name {
	case "host", authority:
		return r.Host
	case "content-length":
		return strconv.Itoa(int(max(r.ContentLength, 0)))
	}
	values := slices.Clone(r.Header.Values(name))
	for i := range values {
		values[i] = strings.Join(strings.Fields(values[i]), " ")
	}
	return strings.Join(values, ",")
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

package delivery

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of the service's HTTP endpoint protocol.
const (
	MaxRequestRecords   = 10_000
	MaxRequestBytes     = 64 << 20
	MaxAccessKeyBytes   = 4096
	MaxCommonAttributes = 50
)

// Bounds of ours, so that an endpoint does not refuse the headers of each
// request.
const (
	MaxAttributeName  = 256  // characters
	MaxAttributeValue = 1024 // characters
	MaxSourceBytes    = 512
)

const (
	maxResponseBytes   = 1 << 20
	maxErrorMessage    = 8192
	answerWithin       = 3 * time.Minute
	firstHTTPRetry     = time.Second
	longestHTTPRetry   = 120 * time.Second
	defaultHTTPRetries = 300 * time.Second
	maxHTTPRetries     = 7200 * time.Second
)

// An HTTPConfig says where an [HTTP] sink delivers to. URL must be set.
type HTTPConfig struct {
	// URL is the endpoint's, of http or https.
	URL string
	// AccessKey is sent with each request: up to [MaxAccessKeyBytes]. Empty means
	// that none is.
	AccessKey string
	// Attributes are sent with each request: up to [MaxCommonAttributes], with
	// names of 1 to [MaxAttributeName] and values of up to [MaxAttributeValue].
	Attributes map[string]string
	// Source is the ARN that requests name as where they are from, up to
	// [MaxSourceBytes]. Empty means one with an account that nobody has.
	Source string
	// Gzip compresses bodies.
	Gzip bool
	// RetryFor is how long a request is tried again, up to two hours: from its
	// first failure on, without the time in which an answer was waited for. The
	// last attempt is at its end. Zero means 300 s; negative, not at all.
	RetryFor time.Duration
	// Timeout is how long an answer is waited for. Zero means 3 minutes.
	Timeout time.Duration
	// Client makes the requests; its own way to follow redirects is not used.
	// Nil means [http.DefaultClient].
	Client *http.Client
}

// An HTTP is a sink that delivers records to an HTTP endpoint as the service
// does. Make one with [NewHTTP]. It takes records: an object becomes as many
// requests as it needs to have up to [MaxRequestRecords] and [MaxRequestBytes]
// each.
//
// A request has the same id whenever it is made, over retries and crashes, so
// that an endpoint which remembers ids takes its records once. Only an answer by
// the protocol's rules is a success. What is answered with 413, and what still
// fails after RetryFor, is refused as http-endpoint-failed.
type HTTP struct {
	config     HTTPConfig
	attributes string
	client     *http.Client
}

// NewHTTP returns a sink that delivers to an endpoint.
func NewHTTP(c HTTPConfig) (*HTTP, error) {
	var errs problems
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		errs.add("URL", "%q is no URL of http or https", c.URL)
	}
	c.checkHeaders(&errs)
	if c.RetryFor > maxHTTPRetries {
		errs.add("RetryFor", "%v is not up to %v", c.RetryFor, maxHTTPRetries)
	}
	if c.Timeout < 0 {
		errs.add("Timeout", "%v is negative", c.Timeout)
	}
	if err := errs.join(); err != nil {
		return nil, fmt.Errorf("delivery: %w", err)
	}
	if c.RetryFor == 0 {
		c.RetryFor = defaultHTTPRetries
	}
	if c.Timeout == 0 {
		c.Timeout = answerWithin
	}
	if c.Source == "" {
		c.Source = "arn:aws:firehose:us-east-1:000000000000:deliverystream/weir"
	}
	h := &HTTP{config: c, client: new(http.Client)}
	if c.Client != nil {
		*h.client = *c.Client
	}
	h.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if len(c.Attributes) > 0 {
		text, err := json.Marshal(map[string]map[string]string{"commonAttributes": c.Attributes})
		if err != nil {
			return nil, err
		}
		h.attributes = string(text)
	}
	return h, nil
}

// checkHeaders checks what is sent with each request.
func (c *HTTPConfig) checkHeaders(errs *problems) {
	for _, of := range []struct {
		field, value string
		most         int
	}{{"AccessKey", c.AccessKey, MaxAccessKeyBytes}, {"Source", c.Source, MaxSourceBytes}} {
		if n := len(of.value); n > of.most {
			errs.add(of.field, "has %d bytes; up to %d are allowed", n, of.most)
		}
		if strings.ContainsFunc(of.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			errs.add(of.field, "has a control character")
		}
	}
	if n := len(c.Attributes); n > MaxCommonAttributes {
		errs.add("Attributes", "are %d; up to %d are allowed", n, MaxCommonAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Attributes)) {
		if n := utf8.RuneCountInString(name); n < 1 || n > MaxAttributeName {
			errs.add("Attributes", "a name has %d characters, which is not 1 to %d", n, MaxAttributeName)
		}
		if n := utf8.RuneCountInString(c.Attributes[name]); n > MaxAttributeValue {
			errs.add("Attributes", "the value of %.40q has %d characters; up to %d are allowed", name, n, MaxAttributeValue)
		}
	}
}

// TakesRecords does nothing.
func (h *HTTP) TakesRecords() {}

// Deliver sends the object's records.
func (h *HTTP) Deliver(ctx context.Context, o *Object) error {
	var refused *RefusedError
	for from, i := 0, 0; from < len(o.Records); i++ {
		n := fitRequest(o.Records[from:])
		failure, err := h.deliver(ctx, uuidOf(o.Name, i), o.Records[from:from+n])
		if err != nil {
			return err
		}
		if failure != nil {
			if refused == nil {
				refused = &RefusedError{Type: failure.Type, Code: failure.Code, Attempts: failure.Attempts, Err: failure.Err}
			}
			for k := range n {
				refused.Records, refused.Each = append(refused.Records, from+k), append(refused.Each, failure)
			}
		}
		from += n
	}
	if refused != nil {
		return refused
	}
	return nil
}

// Around and within a request: what is not base64.
const (
	requestAround = 128
	requestEach   = len(`{"data":""},`)
)

// fitRequest returns how many of the records one request can have, one at least.
func fitRequest(records []Record) int {
	left := MaxRequestBytes - requestAround
	for i := range records {
		left -= requestEach + base64.StdEncoding.EncodedLen(len(records[i].Data))
		if i > 0 && (left < 0 || i == MaxRequestRecords) {
			return i
		}
	}
	return len(records)
}

// deliver makes one request until it succeeds or is given up. An error is that
// of the context.
func (h *HTTP) deliver(ctx context.Context, id string, records []Record) (*RefusedError, error) {
	left := h.config.RetryFor
	for attempt := 1; ; attempt++ {
		code, final, err := h.try(ctx, id, records)
		if err == nil {
			return nil, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if final || left <= 0 {
			return &RefusedError{Type: httpFailed, Code: code, Attempts: attempt, Err: err}, nil
		}
		wait := min(longestHTTPRetry, firstHTTPRetry<<min(attempt-1, 10))
		wait += time.Duration((rand.Float64()*2 - 1) * 0.15 * float64(wait))
		wait = min(wait, left)
		left -= wait
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// try makes one request. final says that it will never succeed.
func (h *HTTP) try(ctx context.Context, id string, records []Record) (code string, final bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.config.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.config.URL, bytes.NewReader(h.body(id, records)))
	if err != nil {
		return codeHTTP, false, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept-Encoding", "identity")
	r.Header.Set("X-Amz-Firehose-Protocol-Version", "1.0")
	r.Header.Set("X-Amz-Firehose-Request-Id", id)
	r.Header.Set("X-Amz-Firehose-Source-Arn", h.config.Source)
	if h.config.AccessKey != "" {
		r.Header.Set("X-Amz-Firehose-Access-Key", h.config.AccessKey)
	}
	if h.attributes != "" {
		r.Header.Set("X-Amz-Firehose-Common-Attributes", h.attributes)
	}
	if h.config.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	response, err := h.client.Do(r)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return "HttpEndpoint.RequestTimeout", false, fmt.Errorf("no answer within %v", h.config.Timeout)
	case err != nil:
		return "HttpEndpoint.ConnectionFailed", false, err
	}
	defer response.Body.Close()
	return judge(response, id)
}

// body returns a request's.
func (h *HTTP) body(id string, records []Record) []byte {
	size := requestAround
	for i := range records {
		size += requestEach + base64.StdEncoding.EncodedLen(len(records[i].Data))
	}
	text := make([]byte, 0, size)
	text = append(text, `{"requestId":"`...)
	text = append(text, id...)
	text = append(text, `","timestamp":`...)
	text = strconv.AppendInt(text, time.Now().UnixMilli(), 10)
	text = append(text, `,"records":[`...)
	for i := range records {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, `{"data":"`...)
		text = base64.StdEncoding.AppendEncode(text, records[i].Data)
		text = append(text, `"}`...)
	}
	text = append(text, `]}`...)
	if !h.config.Gzip {
		return text
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(text) // a buffer takes all
	z.Close()
	return out.Bytes()
}

// An endpointAnswer is what an endpoint says.
type endpointAnswer struct {
	RequestID    string `json:"requestId"`
	Timestamp    *int64 `json:"timestamp,omitempty"`
	ErrorMessage string `json:"errorMessage,omitempty"`
}

// judge says what an answer means. An error is a failure.
func judge(r *http.Response, id string) (code string, final bool, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxResponseBytes+1))
	if err != nil {
		return "HttpEndpoint.ConnectionReset", false, err
	}
	var a endpointAnswer
	malformed := json.Unmarshal(body, &a)
	if r.StatusCode != http.StatusOK {
		message := a.ErrorMessage
		if len(message) > maxErrorMessage {
			message = message[:maxErrorMessage]
		}
		err := fmt.Errorf("status %d: %q", r.StatusCode, message)
		if r.StatusCode == http.StatusRequestEntityTooLarge {
			return codeHTTPTooMuch, true, err
		}
		return codeHTTP, false, err
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	encoding := r.Header.Get("Content-Encoding")
	const invalid = "HttpEndpoint.InvalidResponseFromDestination"
	switch {
	case len(body) > maxResponseBytes:
		return "HttpEndpoint.ResponseTooLarge", false, fmt.Errorf("the answer has more than %d bytes", maxResponseBytes)
	case kind != "application/json":
		return invalid, false, fmt.Errorf("the answer's Content-Type is %q, not application/json", r.Header.Get("Content-Type"))
	case r.Header.Get("Content-Length") == "":
		return invalid, false, errors.New("the answer has no Content-Length")
	case encoding != "" && encoding != "identity" || r.Uncompressed:
		return invalid, false, fmt.Errorf("the answer is encoded as %q", encoding)
	case malformed != nil:
		return invalid, false, fmt.Errorf("the answer is not JSON of the protocol: %w", malformed)
	case a.RequestID != id:
		return invalid, false, fmt.Errorf("the answer is to request %q, not %s", a.RequestID, id)
	case a.Timestamp == nil:
		return invalid, false, errors.New("the answer has no timestamp")
	}
	return "", false, nil
}

// uuidOf returns a UUID that a text and a number decide, of version 8: one that
// says what its bits are.
func uuidOf(text string, n int) string {
	b := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", text, n))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

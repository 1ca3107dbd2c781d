package delivery

import (
	"compress/gzip"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/weirstream/weir/internal/crew"
)

// An Endpoint is an [http.Handler] that takes what [HTTP] and the service
// deliver. Take must be set.
type Endpoint struct {
	// AccessKey must be that of requests. Empty means that any will do.
	AccessKey string
	// Take is given each request, by several goroutines at a time. When it
	// returns nil, the records are taken; an error makes the sender try again,
	// with the same request id.
	Take func(ctx context.Context, r *EndpointRequest) error
}

// An EndpointRequest is what one request delivers.
type EndpointRequest struct {
	// ID is the same whenever the same records are sent again.
	ID string
	// Source is the sender's ARN.
	Source string
	// Attributes are the common attributes.
	Attributes map[string]string
	// Sent is when the sender made the request.
	Sent time.Time
	// Records are the data of each.
	Records [][]byte
}

// ServeHTTP takes one request, and answers by the protocol.
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("X-Amz-Firehose-Request-Id")
	status, err := e.serve(w, r, id)
	now := time.Now().UnixMilli()
	a := endpointAnswer{RequestID: id, Timestamp: &now}
	if err != nil {
		if a.ErrorMessage = err.Error(); len(a.ErrorMessage) > maxErrorMessage {
			a.ErrorMessage = a.ErrorMessage[:maxErrorMessage]
		}
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(err) // strings and a number
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // whoever has gone asks again
}

func (e *Endpoint) serve(w http.ResponseWriter, r *http.Request, id string) (int, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, fmt.Errorf("method %s is not POST", r.Method)
	}
	if v := r.Header.Get("X-Amz-Firehose-Protocol-Version"); v != "1.0" {
		return http.StatusBadRequest, fmt.Errorf("protocol version %q is not 1.0", v)
	}
	if e.AccessKey != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("X-Amz-Firehose-Access-Key")), []byte(e.AccessKey)) == 0 {
		return http.StatusUnauthorized, errors.New("the access key is not right")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return http.StatusUnsupportedMediaType, fmt.Errorf("Content-Type %q is not application/json", r.Header.Get("Content-Type"))
	}
	request, status, err := readRequest(r, id)
	if err != nil {
		return status, err
	}
	if err := guardedTake(e.Take, r.Context(), request); err != nil {
		return http.StatusInternalServerError, err
	}
	return http.StatusOK, nil
}

func guardedTake(take func(context.Context, *EndpointRequest) error, ctx context.Context, r *EndpointRequest) (err error) {
	defer crew.Recovered(&err)
	return take(ctx, r)
}

// readRequest reads what a request delivers.
func readRequest(r *http.Request, id string) (*EndpointRequest, int, error) {
	body := io.Reader(r.Body)
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, http.StatusBadRequest, err
		}
		body = z
	default:
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("Content-Encoding %q is not gzip", encoding)
	}
	text, err := io.ReadAll(io.LimitReader(body, MaxRequestBytes+1))
	switch {
	case err != nil:
		return nil, http.StatusBadRequest, err
	case len(text) > MaxRequestBytes:
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the body has more than %d bytes", MaxRequestBytes)
	}
	var got struct {
		RequestID string
		Timestamp int64
		Records   []struct{ Data []byte }
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return nil, http.StatusBadRequest, err
	}
	if got.RequestID != id || id == "" {
		return nil, http.StatusBadRequest, fmt.Errorf("request id %q of the body is not %q of the header", got.RequestID, id)
	}
	if n := len(got.Records); n < 1 || n > MaxRequestRecords {
		return nil, http.StatusBadRequest, fmt.Errorf("%d records are not 1 to %d", n, MaxRequestRecords)
	}
	out := &EndpointRequest{ID: id, Source: r.Header.Get("X-Amz-Firehose-Source-Arn"), Sent: time.UnixMilli(got.Timestamp).UTC()}
	for _, one := range got.Records {
		out.Records = append(out.Records, one.Data)
	}
	if text := r.Header.Get("X-Amz-Firehose-Common-Attributes"); text != "" {
		var common struct{ CommonAttributes map[string]string }
		if err := json.Unmarshal([]byte(text), &common); err != nil {
			return nil, http.StatusBadRequest, fmt.Errorf("common attributes: %w", err)
		}
		out.Attributes = common.CommonAttributes
	}
	return out, 0, nil
}

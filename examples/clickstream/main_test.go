package main

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// open runs a shop.
func open(t *testing.T) (base string) {
	stream, err := weir.NewStream("clicks", weir.Config{Shards: 4})
	require.NoError(t, err)
	s := &shop{stream: stream, sessions: map[string]map[string]int64{}, change: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.run(ctx) }()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /click", s.click)
	mux.HandleFunc("GET /suggestions", s.suggestions)
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		stop()
		assert.NoError(t, <-ended)
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// listen returns what is suggested to a visitor, event by event, each when it
// is asked for.
func listen(t *testing.T, base, visitor string) (next func() string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/suggestions?user="+visitor, nil)
	require.NoError(t, err)
	r, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { r.Body.Close() })
	require.Equal(t, "text/event-stream", r.Header.Get("Content-Type"))
	lines := bufio.NewScanner(r.Body)
	return func() string {
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				return data
			}
		}
		t.Error("the events end: ", lines.Err())
		return ""
	}
}

func click(t *testing.T, base, visitor, item string) int {
	r, err := http.PostForm(base+"/click", url.Values{"user": {visitor}, "item": {item}})
	require.NoError(t, err)
	require.NoError(t, r.Body.Close())
	return r.StatusCode
}

// until reads events until one is as it should be.
func until(next func() string, want string) {
	for got := ""; got != want; {
		if got = next(); got == "" {
			return
		}
	}
}

// What a visitor clicks on changes what is suggested, also to others.
func TestShop_suggestsWhatOthersLookedAt(t *testing.T) {
	base := open(t)
	ann, bob := listen(t, base, "ann"), listen(t, base, "bob")
	until(ann, "[]")
	require.Equal(t, http.StatusOK, click(t, base, "ann", "tent"))
	until(ann, `["sleeping bag","lantern"]`)
	require.Equal(t, http.StatusOK, click(t, base, "ann", "lantern"))
	until(ann, `["sleeping bag"]`)

	// Bob is the first who looks at a hat and a tent: Ann is told of the hat.
	require.Equal(t, http.StatusOK, click(t, base, "bob", "hat"))
	require.Equal(t, http.StatusOK, click(t, base, "bob", "tent"))
	until(ann, `["sleeping bag","hat"]`)
	until(bob, `["sleeping bag","lantern"]`)
}

func TestShop_refusesWhatIsNoClick(t *testing.T) {
	base := open(t)
	for _, c := range [][2]string{{"", "tent"}, {"ann", ""}, {strings.Repeat("a", 101), "tent"}, {"ann", strings.Repeat("a", 101)}} {
		assert.Equal(t, http.StatusBadRequest, click(t, base, c[0], c[1]))
	}
}

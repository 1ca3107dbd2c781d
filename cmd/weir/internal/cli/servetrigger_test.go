package cli_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/lease"
)

// await returns when the function was given so many records.
func (f *invoked) await(records int, put func()) []string {
	enough := make(chan struct{})
	f.mu.Lock()
	f.calls, f.most = nil, records
	f.enough = func() { close(enough) }
	f.mu.Unlock()
	put()
	select {
	case <-enough:
	case <-f.t.Context().Done():
	}
	f.mu.Lock()
	f.enough = nil
	f.mu.Unlock()
	return f.texts()
}

func (s *serving) putAll(stream string, texts ...string) {
	for i, text := range texts {
		s.must("PutRecord", fmt.Sprintf(`{"StreamName":%q,"PartitionKey":"key-%d","Data":%q}`, stream, i%3, base64.StdEncoding.EncodeToString([]byte(text))))
	}
}

// A stream that is created later, and one that takes the place of another of its
// name, are read from their beginning.
func TestServe_trigger(t *testing.T) {
	for name, args := range map[string][]string{"in memory": nil, "on disk": {"--state", filepath.Join(t.TempDir(), "state")}} {
		t.Run(name, func(t *testing.T) {
			f := newInvoked(t)
			s := startServe(t, nil, append(args, "--trigger", "orders="+f.url, "--delay", "0s", "--limits", "none")...)
			for range 2 {
				s.must("CreateStream", `{"StreamName":"orders","ShardCount":2}`)
				assert.ElementsMatch(t, all20(), f.await(20, func() { s.putAll("orders", all20()...) }))
				s.must("DeleteStream", `{"StreamName":"orders"}`)
			}
			status, errs := s.stop()
			assert.Zero(t, status)
			assert.Equal(t, "weir serve: orders → "+f.url+"\n", errs)
		})
	}
}

// What the function has processed does not come again after an end.
func TestServe_triggerOfAState(t *testing.T) {
	f, dir := newInvoked(t), filepath.Join(t.TempDir(), "state")
	env := map[string]string{"WEIR_TRIGGER": "orders=" + f.url, "WEIR_TRIGGER_SETTINGS": "orders=" + writeFile(t, `{"FunctionName":"billing","BatchSize":1}`)}
	args := []string{"--stream", "orders", "--state", dir, "--delay", "0s", "--limits", "none"}
	s := startServe(t, env, args...)
	assert.ElementsMatch(t, all20(), f.await(20, func() { s.putAll("orders", all20()...) }))
	assert.Len(t, f.calls, 20, "the size of the settings")
	status, errs := s.stop()
	require.Zero(t, status, errs)
	groups, err := lease.Groups(filepath.Join(dir, "groups"))
	require.NoError(t, err)
	require.Len(t, groups, 1)
	assert.Regexp(t, `^orders-billing\.\d+$`, groups[0])

	s = startServe(t, env, args...)
	assert.Equal(t, []string{"later"}, f.await(1, func() { s.putAll("orders", "later") }))
}

// What triggers know may be all that is left of a state; something else of that
// name makes it none.
func TestServe_stateOfTriggersAlone(t *testing.T) {
	dir := t.TempDir()
	groups := filepath.Join(dir, "groups")
	_, err := lease.OpenDir(groups, "orders-function.1")
	require.NoError(t, err)
	status, errs := startServe(t, nil, "--state", dir).stop()
	assert.Zero(t, status, errs)

	dir = t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "groups", "wheel"), 0o700))
	assert.Equal(t, dir+": has groups in it, and no account: it is no state of weir serve. Name another directory", refusedState(t, dir))
}

// What the function gives up goes where the flag says, and the function may call
// the server that calls it.
func TestServe_triggerGivesUp(t *testing.T) {
	f, failed := newInvoked(t), make(chan string, 1)
	failures := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		document, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		failed <- string(document)
	}))
	defer failures.Close()
	s := startServe(t, nil, "--stream", "orders,derived", "--delay", "0s", "--limits", "none", "--region", "eu-west-1", "--trigger", "orders="+f.url,
		"--trigger-settings", "orders="+writeFile(t, `{"MaximumRetryAttempts":0}`), "--trigger-on-failure", "orders="+failures.URL)
	f.answer = func(w http.ResponseWriter, _ []string) {
		status, _, _ := s.call("PutRecord", `{"StreamName":"derived","PartitionKey":"a","Data":""}`)
		assert.Equal(t, http.StatusOK, status)
		w.WriteHeader(http.StatusInternalServerError)
	}
	s.putAll("orders", "bad")
	document := <-failed
	assert.Contains(t, document, `"condition":"RetryAttemptsExhausted","approximateInvokeCount":1`)
	assert.Contains(t, document, `"batchSize":1,"streamArn":"arn:aws:kinesis:eu-west-1:000000000000:stream/orders"`)
	status, errs := s.stop()
	require.Zero(t, status, errs)
	assert.Contains(t, errs, "500 Internal Server Error")
}

func TestServe_triggerRefuses(t *testing.T) {
	const orders = "orders=http://127.0.0.1:1/"
	for want, args := range map[string][]string{
		`"orders" must be STREAM=URL`:                             {"--trigger", "orders"},
		`"orders=" must be STREAM=URL`:                            {"--trigger", "orders="},
		`"o/1=http://x/" must be STREAM=URL, with the name of`:    {"--trigger", "o/1=http://x/"},
		"stream orders is given twice":                            {"--trigger", orders, "--trigger", orders},
		`--trigger orders: "localhost:9000" is no URL such as`:    {"--trigger", "orders=localhost:9000"},
		"--trigger-settings clicks needs --trigger clicks=URL":    {"--trigger", orders, "--trigger-settings", "clicks=x"},
		"--trigger-on-failure clicks needs --trigger clicks=URL":  {"--trigger-on-failure", "clicks=x"},
		"--trigger-settings orders: open /nothing: no such file":  {"--trigger", orders, "--trigger-settings", "orders=/nothing"},
		"BatchSize: 0 is not 1 to 10000":                          {"--trigger", orders, "--trigger-settings", "orders=" + writeFile(t, `{"BatchSize":0}`)},
		"--trigger-on-failure orders: open /nothing/here: no":     {"--trigger", orders, "--trigger-on-failure", "orders=/nothing/here"},
		"--trigger-on-failure orders: the settings name the dest": {"--trigger", orders, "--trigger-settings", "orders=" + writeFile(t, `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:a:b:c"}}}`)},
	} {
		status, _, errs := weir(t, "", append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
		assert.Equal(t, 1, status, want)
		assert.Contains(t, errs, want)
	}
}

package eventsource_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/eventsource"
)

func failure(payload string) *eventsource.Failure {
	return &eventsource.Failure{
		Version: "1.0", Event: []byte(payload), KinesisBatchInfo: eventsource.BatchInfo{ShardID: "shardId-000000000003", BatchSize: 1},
	}
}

func TestToFile_appendsALineEach(t *testing.T) {
	path := filepath.Join(t.TempDir(), "failed.jsonl")
	require.NoError(t, os.WriteFile(path, []byte("first\n"), 0o600))
	f := failure(`{"Records":["<&>"]}`)
	to := eventsource.ToFile(path, eventsource.BucketForm)
	require.NoError(t, to.Deliver(t.Context(), f))
	require.NoError(t, eventsource.ToFile(path, eventsource.QueueForm).Deliver(t.Context(), f))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "first\n"+string(f.Document(eventsource.BucketForm))+"\n"+string(f.Document(eventsource.QueueForm))+"\n", string(text))
	assert.Error(t, eventsource.ToFile(t.TempDir(), eventsource.QueueForm).Deliver(t.Context(), f), "it is a directory")
}

// Workers of several processes may write to the same file, and one that was cut
// off may have left half a line.
func TestToFile_spoilsNoLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "failed.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(`{"half":`), 0o600))
	line := string(failure("").Document(eventsource.QueueForm))
	var writers sync.WaitGroup
	for range 8 {
		to := eventsource.ToFile(path, eventsource.QueueForm)
		writers.Go(func() {
			for range 50 {
				assert.NoError(t, to.Deliver(t.Context(), failure("")))
			}
		})
	}
	writers.Wait()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	rest, found := strings.CutPrefix(string(text), `{"half":`+"\n")
	assert.True(t, found)
	assert.Equal(t, 400, strings.Count(rest, line+"\n"))
}

// A redirect that makes a GET of the POST has not taken the document.
func TestToHTTP_isNotTakenInByARedirect(t *testing.T) {
	status, bodies := http.StatusFound, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" {
			http.Redirect(w, r, "/login", status)
			return
		}
		if body, _ := io.ReadAll(r.Body); len(body) > 0 {
			bodies++
		}
	}))
	defer server.Close()
	to := eventsource.ToHTTP(server.URL+"/failed", server.Client(), eventsource.QueueForm)
	assert.ErrorContains(t, to.Deliver(t.Context(), failure("{}")), "redirected to "+server.URL+"/login, by GET")
	assert.Zero(t, bodies)
	status = http.StatusTemporaryRedirect
	require.NoError(t, to.Deliver(t.Context(), failure("{}")))
	assert.Equal(t, 1, bodies, "one that keeps the POST is followed")
}

func TestToHTTP_postsTheDocument(t *testing.T) {
	status := http.StatusNoContent
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Content-Type")+" "+string(body))
		w.WriteHeader(status)
		if status > 299 {
			io.WriteString(w, "no room")
		}
	}))
	defer server.Close()
	f := failure("{}")
	to := eventsource.ToHTTP(server.URL+"/failed", server.Client(), eventsource.QueueForm)
	require.NoError(t, to.Deliver(t.Context(), f))
	for _, status = range []int{300, 404, 503} {
		assert.ErrorContains(t, to.Deliver(t.Context(), f), "no room")
	}
	require.Len(t, got, 4)
	assert.Equal(t, "POST /failed application/json "+string(f.Document(eventsource.QueueForm)), got[0])
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, to.Deliver(ctx, f), context.Canceled)
	assert.Error(t, eventsource.ToHTTP("::", nil, eventsource.QueueForm).Deliver(t.Context(), f))
}

// silent is a transport to a server that says nothing.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestToHTTP_doesNotWaitForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		to := eventsource.ToHTTP("http://queue/", &http.Client{Transport: silent{}}, eventsource.QueueForm)
		assert.ErrorIs(t, to.Deliver(t.Context(), failure("{}")), context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func TestToStream_putsTheDocument(t *testing.T) {
	s, err := weir.NewStream("failed", weir.Config{})
	require.NoError(t, err)
	to := eventsource.ToStream(client.Embedded(s), eventsource.BucketForm)
	small, large := failure("{}"), failure(strings.Repeat("x", 1<<20))
	require.NoError(t, to.Deliver(t.Context(), small))
	it, err := s.Iterator(t.Context(), 0, weir.TrimHorizon())
	require.NoError(t, err)
	page, err := s.GetRecords(t.Context(), it, 10)
	require.NoError(t, err)
	require.Equal(t, 1, len(page.Records))
	assert.Equal(t, "shardId-000000000003", page.Records[0].PartitionKey)
	assert.Equal(t, string(small.Document(eventsource.BucketForm)), string(page.Records[0].Data))

	require.NoError(t, s.EndWrites(t.Context()))
	assert.ErrorIs(t, to.Deliver(t.Context(), small), weir.ErrClosed)

	s, err = weir.NewStream("failed", weir.Config{})
	require.NoError(t, err)
	require.NoError(t, eventsource.ToStream(client.Embedded(s), eventsource.BucketForm).Deliver(t.Context(), large), "without the payload it has room")
	assert.EqualValues(t, 1, s.Snapshot().RecordsHeld)

	s, err = weir.NewStream("failed", weir.Config{Limits: weir.Limits{RecordBytes: 1000}})
	require.NoError(t, err)
	medium := failure(strings.Repeat("x", 1000))
	require.NoError(t, eventsource.ToStream(client.Embedded(s), eventsource.BucketForm).Deliver(t.Context(), medium), "what has room is for the stream to say")
	assert.EqualValues(t, 1, s.Snapshot().RecordsHeld)
	assert.ErrorIs(t, eventsource.ToStream(client.Engine{}, eventsource.QueueForm).Deliver(t.Context(), small), weir.ErrInvalidArgument)
}

func TestDestinationFunc_isADestination(t *testing.T) {
	no := errors.New("no")
	assert.Equal(t, no, eventsource.DestinationFunc(func(context.Context, *eventsource.Failure) error { return no }).Deliver(t.Context(), failure("")))
}

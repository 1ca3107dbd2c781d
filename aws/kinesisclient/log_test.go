package kinesisclient_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
)

// loggedStream returns a stream, and what it has logged, without times.
func loggedStream(t *testing.T, c *kinesis.Client) (*kinesisclient.Stream, func() []string) {
	t.Helper()
	var b bytes.Buffer
	s, err := kinesisclient.Config{Logger: slog.New(slog.NewTextHandler(&b, nil))}.New(c, "orders")
	require.NoError(t, err)
	times := regexp.MustCompile(`time=\S+ `)
	return s, func() []string {
		return strings.Split(strings.TrimSpace(times.ReplaceAllString(b.String(), "")), "\n")
	}
}

func TestStream_logsThatPutsGoOnInJSON(t *testing.T) {
	const doubt = `level=WARN msg="the first put failed, so the next one is in JSON" stream=orders status=500`
	const decided = `level=INFO msg="puts are in JSON from now on: the endpoint does not take CBOR" stream=orders`
	for name, c := range map[string]struct {
		refuse func(*http.Request) (*http.Response, error)
		fails  bool
		want   []string
	}{
		"at once": {says(http.StatusUnsupportedMediaType, "text/plain", "no"), false, []string{decided}},
		"later":   {says(http.StatusInternalServerError, "text/plain", "no"), true, []string{doubt, decided}},
		"never":   {nil, false, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			k := kinesistest.New(t, kinesistest.Stream("orders", 1))
			o := k.Client(once).Options()
			o.HTTPClient = &picky{HTTPClient: o.HTTPClient, refuse: c.refuse}
			s, lines := loggedStream(t, kinesis.New(o))
			assert.Equal(t, c.fails, putOne(t, s) != nil)
			for range 3 {
				require.NoError(t, putOne(t, s))
			}
			assert.Equal(t, c.want, lines())
		})
	}
}

func TestStream_logsWhatItReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}})
		for i := range 3 {
			k.Put("orders", "k", fmt.Sprint(i))
		}
		k.Fail("GetRecords").Nth(2).With(kinesistest.ExpiredIterator)
		s, lines := loggedStream(t, k.Client(once))
		r, err := s.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{MaxRecords: 1, Polling: true})
		require.NoError(t, err)
		readCount(t, r, 3)
		require.NoError(t, r.Close())
		assert.Equal(t, []string{`level=WARN msg="an iterator had expired, and is replaced" stream=orders shard=shardId-000000000000`}, lines())
	})
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.StreamSpec{Name: "orders", Shards: 1, Consumers: []string{"c"}})
		k.Fail("SubscribeToShard").Nth(1).FallSilent(0)
		s, lines := loggedStream(t, k.Client(once))
		r, err := s.Read(t.Context(), 0, weir.TrimHorizon(), client.Reading{Consumer: "c"})
		require.NoError(t, err)
		defer r.Close()
		k.Put("orders", "k", "1")
		readCount(t, r, 1)
		assert.Equal(t, []string{`level=WARN msg="a subscription was silent, and is replaced" stream=orders shard=shardId-000000000000 for=1m0s`}, lines())
	})
}

func TestStream_logsRecordsThatHaveGone(t *testing.T) {
	eachReading(t, func(t *testing.T, k *kinesistest.Fake, as client.Reading, numbers []weir.SequenceNumber) {
		time.Sleep(retention + time.Minute)
		k.Put("orders", "k", "5")
		time.Sleep(time.Second)
		s, lines := loggedStream(t, k.Client(once))
		r, err := s.Read(t.Context(), 0, weir.AfterSequence(numbers[1]), as)
		require.NoError(t, err)
		defer r.Close()
		readCount(t, r, 1)
		assert.Equal(t, []string{`level=WARN msg="records may have gone before they were read" stream=orders shard=shardId-000000000000 records=3`}, lines())
	})
}

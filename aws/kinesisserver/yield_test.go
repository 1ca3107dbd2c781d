package kinesisserver_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// plainBodies sends requests whose bodies say no error at their end, so that
// this test does not meet what it is about.
type plainBodies struct{ *http.Client }

func (c plainBodies) Do(r *http.Request) (*http.Response, error) {
	r.Body = struct{ io.ReadCloser }{r.Body}
	return c.Client.Do(r)
}

// A client on the same machine that has just sent its request may have been
// interrupted by the server, which answers. Over HTTP/1.1 the SDK for Go then
// closes the request's body before net/http has looked for its end; net/http
// takes that for a failed write and closes the connection under an answer that
// does not fit into its 4 KiB, and the batch is put again: 1 of 100 with 500
// records on two processors. So such clients are let run first. A subscription
// is an answer without end. Over HTTP/2 bodies are closed without harm.
func TestServer_letsClientsFinishTheirRequests(t *testing.T) {
	s := newServer(t, overTLS).withStream()
	registered := s.must("RegisterStreamConsumer", `{"StreamARN":"arn:aws:kinesis:us-east-1:123456789012:stream/s","ConsumerName":"c"}`)
	arn := registered["Consumer"].(map[string]any)["ConsumerARN"].(string)
	var times atomic.Int32
	s.OnYield(func() { times.Add(1) })
	addr := s.listen()
	for _, w := range wires {
		client, url := s.client(w, addr)
		sdk := newSDK(client, url, func(o *kinesis.Options) { o.HTTPClient = plainBodies{client} })
		put := func(records int) (yields int32) {
			times.Store(0)
			in := &kinesis.PutRecordsInput{StreamName: aws.String("s")}
			for range records {
				in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: aws.String("k"), ExplicitHashKey: aws.String("0"), Data: []byte("d")})
			}
			_, err := sdk.PutRecords(t.Context(), in)
			require.NoError(t, err)
			return times.Load()
		}
		var once int32
		if w.proto == "HTTP/1.1" {
			once = 1
		}
		assert.Zero(t, put(2), w.name)
		assert.Equal(t, once, put(200), w.name)

		times.Store(0)
		at, err := sdk.GetShardIterator(t.Context(), &kinesis.GetShardIteratorInput{
			StreamName: aws.String("s"), ShardId: aws.String("0"), ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
		})
		require.NoError(t, err)
		page, err := sdk.GetRecords(t.Context(), &kinesis.GetRecordsInput{ShardIterator: at.ShardIterator})
		require.NoError(t, err)
		assert.Greater(t, len(page.Records), 100)
		assert.Zero(t, times.Load(), "%s: it may be read again", w.name)

		out, err := sdk.SubscribeToShard(t.Context(), &kinesis.SubscribeToShardInput{
			ConsumerARN: &arn, ShardId: aws.String("0"), StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeLatest},
		})
		require.NoError(t, err)
		require.NoError(t, out.GetStream().Close())
		assert.Equal(t, once, times.Load(), w.name)
		s.clock.Advance(6 * time.Second) // until the shard may be subscribed to again
	}
}

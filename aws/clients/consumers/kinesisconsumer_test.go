package consumers_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	consumer "github.com/harlow/kinesis-consumer"
	store "github.com/harlow/kinesis-consumer/store/memory"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestKinesisConsumer drives harlow/kinesis-consumer. It looks for new shards every
// 30 seconds, so the shard is split and merged before it looks again.
func TestKinesisConsumer(t *testing.T) {
	for _, l := range []library{
		{"harlow/kinesis-consumer", "github.com/harlow/kinesis-consumer", "HTTP/1.1", "WEIR_HTTP", false},
		{"harlow/kinesis-consumer", "github.com/harlow/kinesis-consumer", "HTTP/2 TLS", "WEIR_HTTPS", true},
	} {
		l.try(t, "every record once, in order for each key, through a split and a merge", func(t *testing.T, s *session) {
			s.put(20)
			stop := s.scan(t, store.New())
			s.await()
			s.split()
			s.put(20)
			s.merge()
			s.put(20)
			s.await()
			stop()
			s.verify()
		})
		l.try(t, "goes on where its checkpoint is", func(t *testing.T, s *session) {
			checkpoints := store.New()
			s.put(20)
			stop := s.scan(t, checkpoints)
			s.await()
			stop()
			s.put(20)
			stop = s.scan(t, checkpoints)
			s.await()
			stop()
			s.verify()
		})
	}
}

// scan scans the stream until it is told to stop. A scan that is stopped within a call
// returns that call's error, in the library's words, so it may only be told from others
// by its text.
func (s *session) scan(t *testing.T, checkpoints consumer.Store) (stop func()) {
	c, err := consumer.New(s.stream, consumer.WithClient(s.library), consumer.WithStore(checkpoints),
		consumer.WithShardIteratorType(string(types.ShardIteratorTypeTrimHorizon)))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1) // so that a scan that nobody waits for ends, too
	go func() {
		ended <- c.Scan(ctx, func(r *consumer.Record) error {
			s.take(r.Record)
			return nil
		})
	}()
	s.ended = ended
	return func() {
		assert.Empty(t, ended, "the scan ended by itself")
		cancel()
		if err := <-ended; err != nil {
			assert.ErrorContains(t, err, context.Canceled.Error())
		}
	}
}

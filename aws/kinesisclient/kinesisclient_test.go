package kinesisclient_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/aws/kinesisclient"
	"github.com/weirstream/weir/aws/kinesistest"
	"github.com/weirstream/weir/client"
	"github.com/weirstream/weir/client/clienttest"
)

// once lets the client make each call once.
func once(o *kinesis.Options) { o.Retryer = aws.NopRetryer{} }

func stream(t *testing.T, k *kinesistest.Fake) *kinesisclient.Stream {
	t.Helper()
	s, err := kinesisclient.New(k.Client(once), "orders")
	require.NoError(t, err)
	return s
}

func TestStream_conforms(t *testing.T) {
	clienttest.Run(t, func(t *testing.T, shards int) client.Stream {
		return stream(t, kinesistest.New(t, kinesistest.Stream("orders", shards)))
	})
}

// The same over sockets, in the time that it takes.
func TestStream_conformsOverHTTP(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	clienttest.Run(t, func(t *testing.T, shards int) client.Stream {
		limits := weir.Unlimited() // nobody waits for a limit
		limits.BatchRecords = 500
		k := kinesistest.New(t, kinesistest.Config{Limits: limits}, kinesistest.Stream("orders", shards))
		s, err := kinesisclient.New(kinesis.New(kinesis.Options{
			BaseEndpoint: aws.String(k.Server()), Region: "us-east-1", Retryer: aws.NopRetryer{},
			Credentials: anybody,
		}), "orders")
		require.NoError(t, err)
		return s
	}, clienttest.Bubble, clienttest.Limits)
}

func TestNew_refuses(t *testing.T) {
	_, err := kinesisclient.New(nil, "orders")
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
	_, err = kinesisclient.New(kinesistest.New(t).Client(), "")
	assert.ErrorIs(t, err, weir.ErrInvalidArgument)
}

// Whoever saved that a shard is finished has its ending number, after which the
// service refuses to begin.
func TestStream_readsAfterAnEndingNumber(t *testing.T) {
	k := kinesistest.New(t, kinesistest.Stream("orders", 1))
	k.Put("orders", "k", "one")
	k.Split("orders", 0)
	end := k.Stream("orders").Shards()[0].EndingSequenceNumber
	k.ConsumerARN("orders", "billing") // registers it
	for _, as := range []client.Reading{{}, {Consumer: "billing"}} {
		r, err := stream(t, k).Read(t.Context(), 0, weir.AfterSequence(end), as)
		require.NoError(t, err)
		b, err := r.Next(t.Context())
		require.NoError(t, err)
		assert.Empty(t, b.Records)
		assert.True(t, b.Last)
		assert.Len(t, b.Children, 2)
		require.NoError(t, r.Close())
	}
}

package account

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// Nothing that the engine says is said to a client, whatever it is.
func TestAccount_translate(t *testing.T) {
	a, err := New(Instant())
	require.NoError(t, err)
	invalid := &Error{CodeInvalidArgument, "The request has an invalid argument.", http.StatusBadRequest}
	internal := &Error{CodeInternalFailure, "Internal service failure.", http.StatusInternalServerError}
	own := &Error{CodeLimitExceeded, "own words", http.StatusBadRequest}
	for _, c := range []struct{ err, want error }{
		{fmt.Errorf("Config.Shards: 7: %w", weir.ErrInvalidArgument), invalid},
		{&weir.ArgumentError{Field: "record bytes", Reason: "engine words"}, invalid},
		{errors.New("engine words"), internal},
		{fmt.Errorf("wrapped: %w", own), own},
		{context.Canceled, context.Canceled},
	} {
		assert.Equal(t, c.want, a.translate(c.err))
	}
}

// Names of consumers are not kept for longer than the second in which their ARN
// would be given out again.
func TestStream_forgetsConsumerNames(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	config := Instant()
	config.Now = func() time.Time { return now }
	a, err := New(config)
	require.NoError(t, err)
	ctx := t.Context()
	_, err = a.CreateStream(ctx, &CreateStreamInput{StreamName: Ptr("s"), ShardCount: Ptr(int32(1))})
	require.NoError(t, err)
	st := (*a.streams.Load())["s"]
	register := func(name string) string {
		out, err := a.RegisterStreamConsumer(ctx, &RegisterStreamConsumerInput{StreamARN: &st.arn, ConsumerName: &name})
		require.NoError(t, err)
		_, err = a.DeregisterStreamConsumer(ctx, &DeregisterStreamConsumerInput{ConsumerARN: &out.Consumer.ConsumerARN})
		require.NoError(t, err)
		return out.Consumer.ConsumerARN
	}
	for i := range 1000 {
		register(fmt.Sprint(i))
		now = now.Add(time.Second)
	}
	assert.LessOrEqual(t, len(st.suffixes), 1)

	arns := make(map[string]bool)
	for range 5 { // the fifth is four seconds ahead
		arns[register("c")] = true
	}
	now = now.Add(2 * time.Second)
	arns[register("d")] = true
	arns[register("c")] = true
	assert.Len(t, arns, 7, "no ARN is given out twice")
}

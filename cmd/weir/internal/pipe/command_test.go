package pipe_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/cmd/weir/internal/pipe"
	"github.com/weirstream/weir/consumer"
)

// batch returns a batch of records of some data.
func batch(t *testing.T, data ...string) *consumer.Batch {
	beCommand(t)
	number, err := weir.ParseSequenceNumber("49590338271490256608559692538361571095921575989136588898")
	require.NoError(t, err)
	b := &consumer.Batch{Stream: "orders", Shard: 1}
	for _, d := range data {
		b.Records = append(b.Records, weir.Record{
			SequenceNumber: number, PartitionKey: "<ä>", Data: []byte(d), ArrivalTime: time.UnixMilli(1_800_000_000_123),
		})
	}
	return b
}

func TestCommand_batchReadsLines(t *testing.T) {
	var out bytes.Buffer
	c := pipe.Command{Args: []string{os.Args[0], "cat"}, Stderr: os.Stderr, Stdout: &out}
	require.NoError(t, c.Batch(t.Context(), batch(t, "a\n<b>", "", "\xff\x00")))
	const head = `{"stream":"orders","shard":"shardId-000000000001","sequence":"49590338271490256608559692538361571095921575989136588898",` +
		`"key":"<ä>","time":"2027-01-15T08:00:00.123Z",`
	assert.Equal(t, head+`"text":"a\n<b>"}`+"\n"+head+`"text":""}`+"\n"+head+`"data":"/wA="}`+"\n", out.String())
}

// Records out of an aggregate have its number, and each its index.
func TestCommand_batchReadsLinesOfAggregates(t *testing.T) {
	var out bytes.Buffer
	c := pipe.Command{Args: []string{os.Args[0], "cat"}, Stderr: os.Stderr, Stdout: &out}
	b := batch(t, "a", "b")
	b.Subs = []uint64{0, 1}
	require.NoError(t, c.Batch(t.Context(), b))
	assert.Equal(t, 1, strings.Count(out.String(), `588898","sub":0,"key"`), out.String())
	assert.Equal(t, 1, strings.Count(out.String(), `588898","sub":1,"key"`), out.String())
}

func TestCommand_batchIsProcessedByExitStatus(t *testing.T) {
	c := pipe.Command{Args: []string{os.Args[0], "exit=0"}}
	assert.NoError(t, c.Batch(t.Context(), batch(t, string(make([]byte, 1<<20)))), "though it has not read all")
	c.Args[1] = "exit=4"
	assert.ErrorContains(t, c.Batch(t.Context(), batch(t, "a")), "exit status 4")
	assert.NoError(t, c.Batch(t.Context(), batch(t)), "nothing to do")
}

func TestCommand_batchIsKilledWhenItsTimeIsOver(t *testing.T) {
	g := newGate(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	c := pipe.Command{Args: []string{os.Args[0], g.step()}}
	done := make(chan error, 1)
	b := batch(t, "a")
	go func() { done <- c.Batch(ctx, b) }()
	at := g.arrived(t)
	late := errors.New("late")
	cancel(late)
	err := <-done
	assert.ErrorIs(t, err, late)
	assert.ErrorContains(t, err, "was killed")
	_, err = at.Read(make([]byte, 1))
	assert.Error(t, err)
}

package bench

import (
	"context"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
)

// A Target is the stream that is under load.
type Target interface {
	client.Stream
	client.Putter
	client.Resharder
	client.Registrar

	// Close removes what was made for the load.
	Close(ctx context.Context) error
}

// A counter is a target that counts itself what each of its shards takes, those that
// vanish apart, so that producers need not: to look at where a record went costs a good
// part of what the engine's put may be measured with.
type counter interface{ count(*shardCounts) }

// An embedded target is a stream of the engine in this process.
type embedded struct {
	client.Engine
	stream *weir.Stream
}

// NewEmbedded returns a target that is a stream in this process.
func NewEmbedded(s *weir.Stream) Target { return embedded{client.Embedded(s), s} }

// count fills in what each shard took since the stream began.
func (t embedded) count(counts *shardCounts) {
	for _, s := range t.stream.Snapshot().Shards {
		*counts.of(s.Shard) = shardCount{s.Total.IncomingRecords, s.Total.IncomingBytes, s.Total.WriteThrottled}
	}
}

// Close does nothing: the stream goes with the process.
func (t embedded) Close(context.Context) error { return nil }

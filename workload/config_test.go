package workload_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/workload"
)

func TestStream_Config(t *testing.T) {
	hours := func(n int) workload.Duration { return workload.Duration(n) * workload.Duration(time.Hour) }
	unlimited := weir.Unlimited()
	unlimited.RecordBytes = 2 << 20
	for name, test := range map[string]struct {
		stream workload.Stream
		want   weir.Config
	}{
		"zero":  {workload.Stream{}, weir.Config{Shards: 1, Settings: weir.Settings{Retention: 24 * time.Hour}}},
		"named": {workload.Stream{Name: "orders", Shards: 3}, weir.Config{Shards: 3, Settings: weir.Settings{Retention: 24 * time.Hour}}},
		"on-demand": {
			workload.Stream{Mode: workload.OnDemandMode, WarmThroughput: 100, Distribution: workload.AutoDistribution, Retention: hours(48)},
			weir.Config{Settings: weir.Settings{Mode: weir.OnDemand, WarmThroughput: 100, Distribution: weir.DistributeAuto, Retention: 48 * time.Hour}},
		},
		"limits": {
			workload.Stream{RecordBytes: 2 << 20, Limits: workload.Limits{WriteRecords: 7, WriteBytes: 8, ReadCalls: 9, ReadBytes: 10}},
			weir.Config{Shards: 1, Settings: weir.Settings{Retention: 24 * time.Hour}, Limits: weir.Limits{
				RecordBytes: 2 << 20, WriteRecordsPerSecond: 7, WriteBytesPerSecond: 8, ReadCallsPerSecond: 9, ReadBytesPerSecond: 10,
			}},
		},
		"no limits": {
			workload.Stream{RecordBytes: 2 << 20, Limits: workload.Limits{None: true}, Retention: hours(1)},
			weir.Config{Shards: 1, Settings: weir.Settings{Retention: time.Hour}, Limits: unlimited},
		},
	} {
		got, err := test.stream.Config()
		require.NoError(t, err, name)
		assert.Equal(t, test.want, got, name)
		_, err = weir.NewStream("s", got)
		require.NoError(t, err, name)
	}
	_, err := workload.Stream{Retention: hours(1)}.Config()
	assert.EqualError(t, err, "stream.retention: 1h is outside 1d to 365d")
}

// The zero Stream, with its defaults or without, is the service's.
func TestStream_zeroIsTheService(t *testing.T) {
	service, err := weir.NewStream("s", weir.Config{})
	require.NoError(t, err)
	for _, s := range []workload.Stream{{}, workload.Workload{}.WithDefaults().Stream} {
		c, err := s.Config()
		require.NoError(t, err)
		stream, err := weir.NewStream("s", c)
		require.NoError(t, err)
		assert.Equal(t, service.Config().Limits, stream.Config().Limits)
		assert.Equal(t, service.Config().Retention, stream.Config().Retention)
		assert.Len(t, stream.Shards(), 1)
	}
}

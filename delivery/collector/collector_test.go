package collector

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/awsfirehosereceiver"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/client"
	group "github.com/weirstream/weir/consumer"
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/lease"
)

const accessKey = "secret"

// receiver starts the collector's receiver of logs with an access key, and
// returns its address and the bodies of the logs that it gets.
func receiver(t *testing.T) (address string, bodies <-chan string) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = free.Addr().String()
	require.NoError(t, free.Close())

	got := make(chan string, 1000)
	next, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					got <- record.Body().Str()
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	factory := awsfirehosereceiver.NewFactory()
	c := factory.CreateDefaultConfig().(*awsfirehosereceiver.Config)
	c.NetAddr.Endpoint, c.AccessKey = address, configopaque.String(accessKey)
	require.NoError(t, c.Validate())
	r, err := factory.CreateLogs(t.Context(), receivertest.NewNopSettings(factory.Type()), c, next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { assert.NoError(t, r.Shutdown(context.Background())) })
	return address, got
}

// subscription returns a record of a CloudWatch Logs subscription.
func subscription(t *testing.T, messages ...string) []byte {
	type event struct {
		ID        string `json:"id"`
		Timestamp int64  `json:"timestamp"`
		Message   string `json:"message"`
	}
	var events []event
	for i, m := range messages {
		events = append(events, event{fmt.Sprint(i), 1_800_000_000_000 + int64(i), m})
	}
	text, err := json.Marshal(map[string]any{
		"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "/app", "logStream": "one",
		"subscriptionFilters": []string{"all"}, "logEvents": events,
	})
	require.NoError(t, err)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}

// The collector gets each log event that a stream has, with bodies compressed
// and not.
func TestHTTP_theCollectorTakesWhatIsDelivered(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		t.Run(fmt.Sprintf("gzip=%t", compressed), func(t *testing.T) {
			address, bodies := receiver(t)
			s, err := weir.NewStream("logs", weir.Config{Shards: 2, Limits: weir.Unlimited()})
			require.NoError(t, err)
			var want []string
			for i := range 50 {
				m := []string{fmt.Sprint("event ", i, " a"), fmt.Sprint("event ", i, " b")}
				want = append(want, m...)
				_, err := s.PutRecord(t.Context(), fmt.Sprint(i), subscription(t, m...))
				require.NoError(t, err)
			}
			to, err := delivery.NewHTTP(delivery.HTTPConfig{
				URL: "http://" + address, AccessKey: accessKey, Attributes: map[string]string{"team": "orders"}, Gzip: compressed,
			})
			require.NoError(t, err)
			d, err := delivery.New(delivery.Config{
				Group: group.Config{Name: "logs", Streams: []client.Stream{client.Embedded(s)}, Store: new(lease.Memory)},
				Sink:  to, Count: 20, Interval: time.Second,
			})
			require.NoError(t, err)
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- d.Run(ctx) }()
			var got []string
			for range want {
				got = append(got, <-bodies)
			}
			stop()
			require.NoError(t, <-done)
			slices.Sort(want)
			slices.Sort(got)
			assert.Equal(t, want, got)
			assert.Zero(t, d.Metrics().Delivered.Failures)
		})
	}
}

// With another access key the collector takes nothing, and the sink says so.
func TestHTTP_theCollectorRefusesAnotherKey(t *testing.T) {
	address, bodies := receiver(t)
	to, err := delivery.NewHTTP(delivery.HTTPConfig{URL: "http://" + address, AccessKey: "another", RetryFor: -1})
	require.NoError(t, err)
	record := delivery.Record{Record: weir.Record{Data: subscription(t, "event")}}
	err = to.Deliver(t.Context(), &delivery.Object{Name: "one", Records: []delivery.Record{record}})
	var refused *delivery.RefusedError
	require.ErrorAs(t, err, &refused)
	assert.ErrorContains(t, err, "401")
	assert.Empty(t, bodies)
}

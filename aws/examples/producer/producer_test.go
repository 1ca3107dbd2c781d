package producer_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/examples/producer"
	"github.com/weirstream/weir/aws/kinesistest"
)

// text returns lines of ten customers.
func text(lines int) string {
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "customer-%d buys %d\n", i%10, i)
	}
	return b.String()
}

// A throttle, then a call that fails, then one whose answer is lost: each line is
// delivered, those of a customer in order.
func TestPutLines_deliversInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		k.Fail("PutRecords").Nth(1).ThrottleRecords(0).Required()
		k.Fail("PutRecords").Nth(1).With(kinesistest.InternalFailure).Required()
		k.Fail("PutRecords").Nth(1).ResetAfter().Required()

		var out strings.Builder
		require.NoError(t, producer.PutLines(t.Context(), k.Client(), "orders", strings.NewReader(text(1000)), &out))
		assert.Equal(t, "1000 lines delivered, 0 failed, ", out.String()[:32])

		got := map[string][]string{} // by customer, each line where it came first
		seen := map[string]bool{}
		for _, r := range k.Records("orders").Deaggregate() {
			if line := string(r.Data); !seen[line] {
				seen[line] = true
				got[r.PartitionKey] = append(got[r.PartitionKey], line)
			}
		}
		want := map[string][]string{}
		for line := range strings.Lines(text(1000)) {
			key, _, _ := strings.Cut(line, " ")
			want[key] = append(want[key], strings.TrimSuffix(line, "\n"))
		}
		assert.Equal(t, want, got)
	})
}

// A shard takes 1,000 records a second, but 3,000 lines are a few records.
func TestPutLines_packs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		began := time.Now()
		var out strings.Builder
		require.NoError(t, producer.PutLines(t.Context(), k.Client(), "orders", strings.NewReader(text(3000)), &out))
		assert.Equal(t, "3000 lines delivered, 0 failed, 0 throttles\n", out.String())
		assert.Less(t, time.Since(began), time.Second)
		assert.Less(t, len(k.Records("orders")), 10)
	})
}

func TestPutLines_tellsWhatItCouldNotDeliver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecords").ThrottleRecordsIf(func(_ int, e types.PutRecordsRequestEntry) bool { return true })
		var out strings.Builder
		require.NoError(t, producer.PutLines(t.Context(), k.Client(), "orders", strings.NewReader("a 1\n"), &out))
		assert.Contains(t, out.String(), `"a 1": `)
		assert.Contains(t, out.String(), "\n0 lines delivered, 1 failed, ")
		assert.Empty(t, k.Records("orders"))
	})
}

package a8m

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	producer "github.com/a8m/kinesis-producer"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/credentials"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/kinesis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/kinesistest"
)

// TestMain takes out of the environment what the first SDK's session looks at and
// cannot use with a transport that is not net/http's.
func TestMain(m *testing.M) {
	os.Unsetenv("AWS_CA_BUNDLE")
	os.Exit(m.Run())
}

// v1 returns a client of the first SDK over the fake.
func v1(t *testing.T, k *kinesistest.Fake) *kinesis.Kinesis {
	t.Helper()
	s, err := session.NewSession(&aws.Config{
		Region: aws.String("us-east-1"), Endpoint: aws.String("http://kinesis"),
		Credentials: credentials.NewStaticCredentials("000000000000", "secret", ""),
		HTTPClient:  &http.Client{Transport: k.Transport()},
	})
	require.NoError(t, err)
	return kinesis.New(s)
}

// producing starts a producer of a8m/kinesis-producer that does not aggregate
// unless told to.
func producing(t *testing.T, k *kinesistest.Fake, aggregate int) *producer.Producer {
	t.Helper()
	p := producer.New(&producer.Config{
		StreamName: "orders", Client: v1(t, k), AggregateBatchSize: aggregate, FlushInterval: time.Second,
		Logger: &producer.StdLogger{Logger: log.New(io.Discard, "", 0)},
	})
	p.Start()
	return p
}

// Right: records that are throttled are put again until they are stored.
func TestA8M_throttledRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		k.Fail("PutRecords").Times(5).ThrottleRecordsIf(func(i int, _ types.PutRecordsRequestEntry) bool { return i%3 == 0 }).Required()
		p := producing(t, k, 1)
		for i := range 100 {
			require.NoError(t, p.Put(fmt.Appendf(nil, "record %d", i), fmt.Sprint(i)))
		}
		k.WaitFor("all are stored", time.Minute, func() bool { return len(k.Records("orders")) == 100 })
		p.Stop()
		assert.Len(t, k.Records("orders"), 100)
	})
}

// Wrong: a record that is throttled is overtaken by a later one of its key.
func TestA8M_throttledRecordsAreOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecords").Nth(1).ThrottleRecords(0).Required()
		p := producing(t, k, 1)
		for i := range 3 {
			require.NoError(t, p.Put(fmt.Appendf(nil, "record %d", i), "key"))
		}
		k.WaitFor("all are stored", time.Minute, func() bool { return len(k.Records("orders")) == 3 })
		p.Stop()
		assert.Equal(t, []string{"record 1", "record 2", "record 0"}, k.Records("orders").Data())
	})
}

// Wrong: a call that fails as a whole, after the SDK has tried four times, is
// given up, and its records are lost unless somebody listens to NotifyFailures.
func TestA8M_failedCallsLoseRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecords").Times(4).With(kinesistest.InternalFailure).Required()
		p := producing(t, k, 1)
		require.NoError(t, p.Put([]byte("lost"), "key"))
		time.Sleep(time.Hour)
		require.NoError(t, p.Put([]byte("stored"), "key"))
		time.Sleep(time.Hour)
		p.Stop()
		assert.Equal(t, []string{"stored"}, k.Records("orders").Data())
	})
}

// Wrong: records that are aggregated all get the partition key of the first, so
// they may go to another shard than records of their own key did.
func TestA8M_aggregationForgetsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 2))
		p := producing(t, k, 1000)
		for _, key := range []string{"a", "b", "c"} {
			require.NoError(t, p.Put([]byte("record of "+key), key))
		}
		k.WaitFor("they are stored", time.Minute, func() bool { return len(k.Records("orders")) > 0 })
		p.Stop()
		stored := k.Records("orders")
		require.Len(t, stored, 1)
		assert.NotContains(t, []string{"b", "c"}, stored[0].PartitionKey)
		for _, key := range []string{"a", "b", "c"} {
			assert.Contains(t, string(stored[0].Data), "record of "+key)
		}
	})
}

// Right, and unavoidable: when the answer is lost the SDK puts the records again.
func TestA8M_lostAnswerDuplicates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := kinesistest.New(t, kinesistest.Stream("orders", 1))
		k.Fail("PutRecords").Nth(1).ResetAfter().Required()
		p := producing(t, k, 1)
		require.NoError(t, p.Put([]byte("once"), "key"))
		time.Sleep(time.Minute)
		p.Stop()
		assert.Equal(t, []string{"once", "once"}, k.Records("orders").Data())
	})
}

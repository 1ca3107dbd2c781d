package consumers_test

import (
	"context"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
	kcl "github.com/vmware/vmware-go-kcl-v2/clientlibrary/interfaces"
	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/worker"
)

// TestVMware drives vmware-go-kcl-v2, with leases in DynamoDB. It lets the child of
// a merge wait for one of its parents only, so both are read before the merge.
func TestVMware(t *testing.T) {
	const name, module = "vmware-go-kcl-v2", "github.com/vmware/vmware-go-kcl-v2"
	for _, row := range []struct {
		library
		fanOut bool
	}{
		{library{name, module, "HTTP/1.1", "WEIR_HTTP", false}, false},
		{library{name, module, "HTTP/2 TLS", "WEIR_HTTPS", true}, true},
	} {
		check := "polling"
		if row.fanOut {
			check = "enhanced fan-out"
		}
		row.try(t, check+": every record once, in order for each key, through a split and a merge", func(t *testing.T, s *session) {
			s.put(20)
			w := worker.NewWorker(factory{s}, s.leases(row.fanOut)).WithKinesis(s.library)
			require.NoError(t, w.Start())
			s.await()
			s.split()
			s.put(20)
			s.await()
			s.merge()
			s.put(20)
			s.await()
			w.Shutdown()
			s.verify()
		})
	}
}

// leases configures a worker that looks after its shards more often than usual.
func (s *session) leases(fanOut bool) *config.KinesisClientLibConfiguration {
	local := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
	})
	return config.NewKinesisClientLibConfigWithCredentials(s.stream, s.stream, region, "worker-1", s.credentials, local).
		WithDynamoDBEndpoint(os.Getenv("WEIR_DYNAMODB")).
		WithInitialPositionInStream(config.TRIM_HORIZON).
		WithShardSyncIntervalMillis(500).
		WithEnhancedFanOutConsumer(fanOut)
}

// factory makes processors that give a session what they are given.
type factory struct{ s *session }

func (f factory) CreateProcessor() kcl.IRecordProcessor { return processor(f) }

type processor struct{ s *session }

func (processor) Initialize(*kcl.InitializationInput) {}

func (p processor) ProcessRecords(in *kcl.ProcessRecordsInput) {
	for _, r := range in.Records {
		p.s.take(r)
	}
	if n := len(in.Records); n > 0 {
		in.Checkpointer.Checkpoint(in.Records[n-1].SequenceNumber)
	}
}

func (processor) Shutdown(in *kcl.ShutdownInput) {
	if in.ShutdownReason == kcl.TERMINATE {
		in.Checkpointer.Checkpoint(nil)
	}
}

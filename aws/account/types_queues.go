package account

import "time"

// Values of DeadLetterConfiguration.TargetType.
const (
	DeadLettersBuiltIn = "BUILT_IN"
	DeadLettersNone    = "NONE"
)

// CreateQueueInput is the input of [Account.CreateQueue].
type CreateQueueInput struct {
	QueueName               *string                    // required
	StreamConfigurationList []QueueStreamConfiguration // required; exactly one
	QueueAttributes         *QueueAttributes
	Tags                    map[string]string
}

// CreateQueueOutput is the output of [Account.CreateQueue].
type CreateQueueOutput struct {
	QueueDescription QueueDescription
}

// A QueueStreamConfiguration says which stream a queue reads, and from where.
type QueueStreamConfiguration struct {
	StreamARN        *string                // required
	StartingPosition *QueueStartingPosition // absent means LATEST
}

// A QueueStartingPosition is where a queue begins. In outputs the Timestamp of
// a queue that has been ACTIVE is where it began.
type QueueStartingPosition struct {
	Type      *string    // required; TRIM_HORIZON, LATEST or AT_TIMESTAMP
	Timestamp *time.Time `json:",omitempty"` // with AT_TIMESTAMP only
}

// QueueAttributes are the settings of a queue that can change.
type QueueAttributes struct {
	VisibilityTimeoutSeconds *int32                   // 0 to 43,200; absent means 30
	DeadLetterConfiguration  *DeadLetterConfiguration // absent means BUILT_IN after 6 receives
}

// A DeadLetterConfiguration says when a record is dead.
type DeadLetterConfiguration struct {
	TargetType      *string // required; BUILT_IN or NONE
	MaxReceiveCount *int32  `json:",omitempty"` // 1 to 1,000; required with BUILT_IN
}

// A QueueDescription describes a queue.
type QueueDescription struct {
	QueueName               string
	QueueARN                string
	QueueStatus             string
	QueueCreationTimestamp  time.Time
	StreamConfigurationList []QueueStreamConfiguration
	QueueAttributes         QueueAttributes
}

// UpdateQueueInput is the input of [Account.UpdateQueue].
type UpdateQueueInput struct {
	QueueARN        *string          // required
	QueueAttributes *QueueAttributes // required
}

// UpdateQueueOutput is the output of [Account.UpdateQueue].
type UpdateQueueOutput struct {
	QueueDescription QueueDescription
}

// DeleteQueueInput is the input of [Account.DeleteQueue].
type DeleteQueueInput struct {
	QueueARN *string // required
}

// DeleteQueueOutput is empty.
type DeleteQueueOutput struct{}

// DescribeQueueInput is the input of [Account.DescribeQueue].
type DescribeQueueInput struct {
	QueueARN *string // required
}

// DescribeQueueOutput is the output of [Account.DescribeQueue].
type DescribeQueueOutput struct {
	QueueDescription QueueDescription
}

// ListQueuesInput is the input of [Account.ListQueues].
type ListQueuesInput struct {
	MaxResults   *int32 // absent means 100; more than 100 counts as 100
	NextToken    *string
	StreamFilter []StreamFilter
}

// ListQueuesOutput is the output of [Account.ListQueues].
type ListQueuesOutput struct {
	QueueSummaries []QueueSummary
	NextToken      string `json:",omitempty"`
}

// A QueueSummary is a queue's row in a list.
type QueueSummary struct {
	QueueName              string
	QueueARN               string
	QueueStatus            string
	QueueCreationTimestamp time.Time
	Streams                []QueueStream
}

// A QueueStream names a stream that a queue reads.
type QueueStream struct {
	StreamARN               string
	StreamCreationTimestamp time.Time
}

// ReceiveQueueRecordsInput is the input of [Account.ReceiveQueueRecords] and
// [Account.ReceiveDeadLetterQueueRecords].
type ReceiveQueueRecordsInput struct {
	QueueARN                 *string // required
	Limit                    *int32  // 1 to 10; absent means 10
	WaitTimeSeconds          *int32  // 1 to 20; absent means 9
	VisibilityTimeoutSeconds *int32  // 0 to 43,200; absent means the queue's
}

// ReceiveQueueRecordsOutput is the output of [Account.ReceiveQueueRecords] and
// [Account.ReceiveDeadLetterQueueRecords].
type ReceiveQueueRecordsOutput struct {
	QueueRecords []QueueRecord // none if there was none in time
}

// A QueueRecord is a record as a queue delivers it.
type QueueRecord struct {
	ReceiptHandle               string // of this delivery
	RecordId                    string // the same at every delivery, and in every queue of the stream
	PartitionKey                string `json:",omitempty"` // "" if it was put without one
	Data                        []byte // a view of the engine's memory: see [weir.Record]
	ApproximateArrivalTimestamp time.Time
	FirstReceiveTimestamp       time.Time // of the first receive from this queue
	ReceiveCount                int32     // receives so far, this one included
}

// QueueRecordsInput is the input of the operations on deliveries:
// [Account.AcknowledgeQueueRecords], [Account.AcknowledgeDeadLetterQueueRecords]
// and [Account.RestoreDeadLetterQueueRecords].
type QueueRecordsInput struct {
	QueueARN *string      // required
	Entries  []QueueEntry // required; 1 to 10
}

// A QueueEntry is a delivery.
type QueueEntry struct {
	ReceiptHandle *string // required
}

// QueueVisibilityInput is the input of [Account.UpdateQueueRecordsVisibility] and
// [Account.UpdateDeadLetterQueueRecordsVisibility].
type QueueVisibilityInput struct {
	QueueARN *string                // required
	Entries  []QueueVisibilityEntry // required; 1 to 10
}

// A QueueVisibilityEntry is a delivery and how long its record is to stay hidden
// from now on.
type QueueVisibilityEntry struct {
	ReceiptHandle            *string // required
	VisibilityTimeoutSeconds *int32  // required; 0 to 43,200
}

// QueueRecordsOutput is the output of the operations on deliveries: which
// succeeded and which failed, each in the order of the request.
type QueueRecordsOutput struct {
	Successful []QueueEntryDone
	Failed     []QueueEntryFailed
}

// A QueueEntryDone is an entry that succeeded.
type QueueEntryDone struct {
	ReceiptHandle string
}

// A QueueEntryFailed is an entry that failed, and why.
type QueueEntryFailed struct {
	ReceiptHandle string
	ErrorCode     string
	ErrorMessage  string `json:",omitempty"`
}

package eventbridge_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/aws/events/eventbridge"
)

var event = eventbridge.Event{
	Version: "0", ID: "7bf73129-1428-4cd3-a780-95db273d1602", DetailType: "EC2 Instance State-change Notification", Source: "aws.ec2",
	Account: "123456789012", Time: time.Date(2015, 11, 11, 21, 29, 54, 0, time.UTC), Region: "us-east-1",
	Resources: []string{"arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"},
	Detail:    json.RawMessage(`{"instance-id":"i-0123456789","state":"RUNNING"}`),
}

const eventText = `{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","detail-type":"EC2 Instance State-change Notification",` +
	`"source":"aws.ec2","account":"123456789012","time":"2015-11-11T21:29:54Z","region":"us-east-1",` +
	`"resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],"detail":{"instance-id":"i-0123456789","state":"RUNNING"}}`

func TestEvent_thereAndBack(t *testing.T) {
	text, err := event.JSON()
	require.NoError(t, err)
	assert.Equal(t, eventText, string(text))
	got, err := eventbridge.ParseEvent(text)
	require.NoError(t, err)
	assert.Equal(t, event, got)

	var theirs events.EventBridgeEvent // Lambda's own type
	require.NoError(t, json.Unmarshal(text, &theirs))
	assert.Equal(t, event.Time, theirs.Time)
	assert.Equal(t, event.DetailType, theirs.DetailType)
	assert.JSONEq(t, string(event.Detail), string(theirs.Detail))
}

func TestEvent_defaults(t *testing.T) {
	text, err := eventbridge.Event{ID: "1", Source: "a<b>", DetailType: "t", Time: time.Unix(1, 999).In(time.FixedZone("", 3600))}.JSON()
	require.NoError(t, err)
	assert.Equal(t, `{"version":"0","id":"1","detail-type":"t","source":"a<b>","account":"","time":"1970-01-01T00:00:01Z","region":"",`+
		`"resources":[],"detail":{}}`, string(text))
	_, err = eventbridge.Event{ID: "1", Detail: json.RawMessage(`[1]`)}.JSON()
	assert.ErrorIs(t, err, eventbridge.ErrInvalid)
	_, err = eventbridge.Event{ID: "1", Detail: json.RawMessage(`{"a"`)}.JSON()
	assert.Error(t, err)
}

func TestParseEvent_whatIsNone(t *testing.T) {
	for text, says := range map[string]string{
		``:   "unexpected end",
		`[]`: "cannot unmarshal array",
		`{}`: "it has no id",
		`{"id":"1","detail-type":"t","detail":{}}`:                                       "it has no source",
		`{"id":"1","source":"s","detail":{}}`:                                            "it has no detail-type",
		`{"id":"1","source":"s","detail-type":"t"}`:                                      "event 1: invalid: its detail is no object",
		`{"id":"1","source":"s","detail-type":"t","detail":"{}"}`:                        "its detail is no object",
		`{"id":"1","source":"s","detail-type":"t","detail":{},"time":"2015"}`:            "cannot parse",
		`{"id":"1","source":"s","detail-type":"t","detail":{},"resources":"a resource"}`: "resources",
	} {
		_, err := eventbridge.ParseEvent([]byte(text))
		assert.ErrorIs(t, err, eventbridge.ErrInvalid, text)
		assert.ErrorContains(t, err, says, text)
	}
}

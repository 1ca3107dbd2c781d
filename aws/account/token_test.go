package account_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/aws/account"
)

// A token says which list it continues: the stream, its creation, the filter
// and where the last page ended. A member that says so again could contradict
// it, and the service refuses the pair instead of asking whether it does.
func TestPages_membersBesideAToken(t *testing.T) {
	f := newFixture(t, account.Instant())
	token, name, at := ptr("x"), ptr("S"), ptr(time.Unix(0, 0))
	inputs := []any{
		&account.ListStreamsInput{NextToken: token, ExclusiveStartStreamName: name},
		&account.ListShardsInput{NextToken: token, StreamName: name},
		&account.ListShardsInput{NextToken: token, StreamARN: ptr(arnS)},
		&account.ListShardsInput{NextToken: token, StreamCreationTimestamp: at},
		&account.ListShardsInput{NextToken: token, ExclusiveStartShardId: ptr(shardID(0))},
		&account.ListShardsInput{NextToken: token, ShardFilter: &account.ShardFilter{Type: ptr("AT_LATEST")}},
		&account.ListStreamConsumersInput{NextToken: token, StreamARN: ptr(arnS), StreamCreationTimestamp: at},
	}
	for _, in := range inputs {
		v := reflect.ValueOf(in)
		op := strings.TrimSuffix(v.Elem().Type().Name(), "Input")
		member := ""
		for i := range v.Elem().NumField() {
			switch name := v.Elem().Type().Field(i).Name; {
			case name == "NextToken", v.Elem().Field(i).IsNil(), op == "ListStreamConsumers" && name == "StreamARN":
			default:
				member = name
			}
		}
		out := reflect.ValueOf(f.Account).MethodByName(op).Call([]reflect.Value{reflect.ValueOf(f.ctx), v})
		err, _ := out[1].Interface().(error)
		f.fails(err, account.CodeInvalidArgument, "NextToken and "+member+" cannot be provided together.")
	}
	// StreamFilter narrows every page anew, and so may stand beside a token.
	_, err := f.ListChannels(f.ctx, &account.ListChannelsInput{NextToken: token,
		StreamFilter: []account.StreamFilter{{StreamARN: ptr(arnS)}}})
	f.fails(err, account.CodeInvalidArgument, "Invalid NextToken.")
}

// Without a row of the table an operation would take any member beside a token.
func TestPages_tableIsComplete(t *testing.T) {
	a := reflect.TypeFor[*account.Account]()
	paged := map[string][]string{}
	for i := range a.NumMethod() {
		m := a.Method(i)
		if m.Type.NumIn() != 3 || m.Type.In(2).Kind() != reflect.Pointer || m.Type.In(2).Elem().Kind() != reflect.Struct {
			continue
		}
		if in := m.Type.In(2).Elem(); hasField(in, "NextToken") {
			paged[m.Name] = account.BesideToken[m.Name]
			assert.Contains(t, account.BesideToken, m.Name)
			for _, member := range account.BesideToken[m.Name] {
				assert.True(t, hasField(in, member), "%s has no %s", m.Name, member)
			}
		}
	}
	assert.Equal(t, account.BesideToken, paged)
}

func hasField(t reflect.Type, name string) bool {
	_, ok := t.FieldByName(name)
	return ok
}

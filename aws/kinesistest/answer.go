package kinesistest

import (
	"context"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/fxamacker/cbor/v2"

	"github.com/weirstream/weir"
)

// Edit makes a fault change the answers of its calls: edit is given each, and
// changes it. [Fake.Calls] and [Fake.Readers] tell what the code under test saw.
// Out is the output of the fault's operation; an answer that is an error is not
// edited, and neither are the events of SubscribeToShard.
//
//	kinesistest.Edit(k.Fail("GetRecords").Nth(2), func(_ *kinesistest.Call, out *kinesis.GetRecordsOutput) {
//		out.MillisBehindLatest = nil
//	})
func Edit[Out any](f *Fault, edit func(call *Call, answer *Out)) *Fault {
	f.fake.t.Helper()
	if edit == nil {
		f.fake.t.Fatalf("kinesistest: Edit of %v: want a function", f)
	}
	if want := shapes[f.spec.op].output; want != reflect.TypeFor[Out]() || f.spec.op == "SubscribeToShard" {
		f.fake.t.Fatalf("kinesistest: Edit of %q: its answer is a %v, not a %v", f.spec.op, want, reflect.TypeFor[Out]())
	}
	return f.act(action{kind: actEdit, edit: func(c *Call, m message) message {
		out := new(Out)
		if len(m.body) > 0 && m.into(out) != nil {
			return m
		}
		edit(c, out)
		tree, _ := treeOf(reflect.ValueOf(out), m.cbor).(map[string]any)
		return m.withTree(tree)
	}})
}

// EmptyPage makes GetRecords answer with no records where there are some, and
// with a lag that shrinks from one such answer to the next, as the service does
// behind the tip after gaps. The next iterator continues at the same place.
// Where there are no records the answer stays as it is.
func (f *Fault) EmptyPage() *Fault {
	f.fake.t.Helper()
	return f.act(action{kind: actEmptyPage})
}

// CutBody breaks the connection in the middle of the answer's body: the call has
// had its effect, status and length have arrived. An event stream is cut by
// [Fault.CutStream].
func (f *Fault) CutBody() *Fault {
	f.fake.t.Helper()
	if f.spec.op == "SubscribeToShard" {
		f.fake.t.Fatalf("kinesistest: CutBody is not for SubscribeToShard: its stream is cut by CutStream")
	}
	return f.act(action{kind: actCutBody})
}

// edited answers with what a function makes of the server's answer.
func (k *Fake) edited(w http.ResponseWriter, r *http.Request, c *Call, e *effect) {
	a := k.ask(r, c, c.request)
	if c.Err == nil {
		m := e.edit(c, message{a.body, c.request.cbor})
		a.body = m.body
		c.answered(a)
	}
	k.write(w, c, a)
}

// cutBody answers with half of what the server does.
func (k *Fake) cutBody(w http.ResponseWriter, r *http.Request, c *Call) {
	a := k.ask(r, c, c.request)
	a.cut = true
	k.write(w, c, a)
	c.failed(io.ErrUnexpectedEOF)
	if _, inProcess := w.(*answer); !inProcess {
		http.NewResponseController(w).Flush() // a small body is still in a buffer
		panic(http.ErrAbortHandler)           // net/http then closes the connection
	}
}

// emptyPageLag is how much more than it is the lag of a first empty page is said
// to be. Each one after it halves that.
const emptyPageLag = time.Hour

// emptyPage answers a GetRecords without the records that there are.
func (k *Fake) emptyPage(w http.ResponseWriter, r *http.Request, c *Call) {
	a := k.ask(r, c, c.request.limited(1))
	out := OutputOf[kinesis.GetRecordsOutput](c)
	if out == nil || len(out.Records) == 0 {
		k.write(w, c, a)
		return
	}
	next, err := k.samePlace(c, *out.Records[0].SequenceNumber)
	if err != nil {
		k.fail(w, c, err)
		return
	}
	k.mu.Lock()
	before := 0
	if reader := k.readers[c.iterator()]; reader != nil {
		before = reader.empties
		reader.empties++
	}
	c.emptied = true
	k.mu.Unlock()
	lag := k.Now().Sub(*out.Records[0].ApproximateArrivalTimestamp) + emptyPageLag>>min(before, 62)
	m := message{a.body, c.request.cbor}
	tree, _ := m.tree()
	tree["Records"], tree["NextShardIterator"], tree["MillisBehindLatest"] = []any{}, next, max(1, lag.Milliseconds())
	delete(tree, "ChildShards")
	a.body = m.withTree(tree).body
	c.answered(a)
	k.write(w, c, a)
}

// samePlace returns a new iterator for the record that a call would have been
// given.
func (k *Fake) samePlace(c *Call, number string) (string, error) {
	n, err := weir.ParseSequenceNumber(number)
	if err != nil {
		return "", err
	}
	return k.account.RenewIterator(context.Background(), c.iterator(), weir.AtSequence(n))
}

// reply has the server answer, with what [Config] says of all answers.
func (k *Fake) reply(w http.ResponseWriter, r *http.Request, c *Call) {
	if c.Op == "GetRecords" && k.config.EmptyPages > 0 {
		k.mu.Lock()
		reader := k.readers[c.iterator()]
		due := reader != nil && !reader.flowing && reader.empties < k.config.EmptyPages
		k.mu.Unlock()
		if due {
			k.emptyPage(w, r, c)
			return
		}
	}
	k.write(w, c, k.ask(r, c, c.request))
}

// treeOf returns a value of the SDK's as what a message of it says.
func treeOf(v reflect.Value, inCBOR bool) any {
	if v.Type() == timeType {
		at := v.Interface().(time.Time)
		if inCBOR {
			return cbor.Tag{Number: 1, Content: at.UnixMilli()}
		}
		return float64(at.UnixMilli()) / 1000
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return treeOf(v.Elem(), inCBOR)
	case reflect.Struct:
		tree := make(map[string]any)
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() || f.Name == "ResultMetadata" {
				continue
			}
			if x := treeOf(v.Field(i), inCBOR); x != nil && x != "" {
				tree[f.Name] = x
			}
		}
		return tree
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Bytes()
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = treeOf(v.Index(i), inCBOR)
		}
		return list
	case reflect.Map:
		if v.IsNil() {
			return nil
		}
		tree := make(map[string]any, v.Len())
		for key, x := range v.Seq2() {
			tree[key.String()] = treeOf(x, inCBOR)
		}
		return tree
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}

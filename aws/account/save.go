package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weirstream/weir"
)

// savedVersion is of what [Account.Save] returns. [Load] reads the versions up
// to its own.
const savedVersion = 1

// A savedAccount is an account but for what the engine holds.
type savedAccount struct {
	Version    int            `json:"version"`
	Streams    []savedStream  `json:"streams"` // by name
	Channels   []savedChannel `json:"channels,omitempty"`
	ChannelSeq uint64         `json:"channel_seq,omitempty"`
	Queues     []savedQueue   `json:"queues,omitempty"`
	QueueSeq   uint64         `json:"queue_seq,omitempty"`
	Commitment commitment     `json:"commitment"`

	Deleted map[string]weir.SequenceNumber `json:"deleted,omitempty"`
}

// A savedStream is a stream but for its shards, records and what the engine
// knows of its settings.
type savedStream struct {
	Name       string            `json:"name"`
	Created    time.Time         `json:"created"`
	Status     string            `json:"status"`
	Open       bool              `json:"open"`
	Change     *change           `json:"change,omitempty"`
	Extra      int               `json:"extra,omitempty"`
	Mode       string            `json:"mode"`
	Warm       WarmThroughput    `json:"warm"`
	Encryption *encryption       `json:"encryption,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Policy     string            `json:"policy,omitempty"`
	Metrics    []string          `json:"metrics,omitempty"`
	Switches   dayCount          `json:"switches,omitempty"`
	Encrypts   dayCount          `json:"encrypts,omitempty"`
	Decrypts   dayCount          `json:"decrypts,omitempty"`
	Consumers  []savedConsumer   `json:"consumers,omitempty"`
	Registered int64             `json:"registered,omitempty"`
	Suffixes   map[string]int64  `json:"suffixes,omitempty"`

	// On disk, the ends of the keys of what belongs to it.
	Parts  []string `json:"parts,omitempty"`
	number uint64
}

type savedConsumer struct {
	Name    string            `json:"name"`
	Created time.Time         `json:"created"`
	Order   int64             `json:"order"`
	Status  string            `json:"status"`
	Due     time.Time         `json:"due,omitzero"`
	Tags    map[string]string `json:"tags,omitempty"`
	Policy  string            `json:"policy,omitempty"`
}

type savedChannel struct {
	Stream  string                            `json:"stream"`
	ID      string                            `json:"id"`
	Name    string                            `json:"name"`
	Order   int64                             `json:"order"`
	Created time.Time                         `json:"created"`
	Status  string                            `json:"status"`
	Due     time.Time                         `json:"due,omitzero"`
	Role    string                            `json:"role"`
	Record  *RecordConfiguration              `json:"record,omitempty"`
	S3      *S3DestinationConfiguration       `json:"s3,omitempty"`
	Tables  *S3TablesDestinationConfiguration `json:"tables,omitempty"`
	Key     *EncryptionConfiguration          `json:"key,omitempty"`
	Log     *LoggingConfiguration             `json:"log,omitempty"`
	Tags    map[string]string                 `json:"tags,omitempty"`
}

// Save returns what the account knows besides its streams' shards and records,
// in JSON that [Load] reads, and the engine's streams, by name, those that are
// CREATING or DELETING too. Each of them is to be saved with
// [weir.Stream.Save]. What is under way goes on when it is loaded: a stream
// that is UPDATING still is, until the time that was set, and has changed by
// then. Call rates and dry runs are not kept.
func (a *Account) Save() (settings []byte, streams []*weir.Stream, err error) {
	c := &control{a: a, now: a.config.Now()}
	a.mu.Lock()
	defer a.mu.Unlock()
	list := c.sortedStreams() // and settle what is DELETING
	a.deleted.forget(c.now)
	saved := savedAccount{
		Deleted: a.deleted.after, Version: savedVersion, Streams: []savedStream{}, ChannelSeq: a.channelSeq,
		QueueSeq: a.queueSeq, Commitment: a.commitment,
	}
	for _, st := range list {
		saved.Streams = append(saved.Streams, st.saveLocked())
		streams = append(streams, st.engine)
	}
	for _, ch := range c.allChannels() {
		saved.Channels = append(saved.Channels, ch.saved())
	}
	for _, q := range c.allQueues() {
		s := q.saved()
		if s.State, err = q.state(); err != nil {
			return nil, nil, err
		}
		saved.Queues = append(saved.Queues, s)
	}
	settings, err = json.Marshal(saved)
	return settings, streams, err
}

func (ch *channel) saved() savedChannel {
	return savedChannel{
		Stream: ch.st.name, ID: ch.id, Name: ch.name, Order: ch.order, Created: ch.created,
		Status: ch.status, Due: ch.due, Role: ch.role, Record: ch.record, S3: ch.s3, Tables: ch.tables,
		Key: ch.key, Log: ch.log, Tags: ch.tags,
	}
}

func (st *stream) saveLocked() savedStream {
	saved := savedStream{
		Name: st.name, Created: st.created, Status: st.status, Open: st.open.Load(), Change: st.change,
		Extra: st.extra, Mode: st.mode, Warm: st.warm, Tags: st.tags, Policy: st.policy, Metrics: st.metrics,
		Encryption: st.encryption.Load(), Switches: st.switches, Encrypts: st.encrypts, Decrypts: st.decrypts,
		Registered: st.registered, Suffixes: st.suffixes,
	}
	for _, cons := range st.consumers {
		saved.Consumers = append(saved.Consumers, savedConsumer{
			Name: cons.name, Created: cons.created, Order: cons.order, Status: cons.status, Due: cons.due,
			Tags: cons.tags, Policy: cons.policy,
		})
	}
	return saved
}

// Load returns the account that [Account.Save] saved, with the same ID and
// region. open returns the engine's stream of a name, as a rule by
// [weir.LoadStream], with the Config that it is given.
// What is loaded counts in [Config.Memory] whether there is room for it or not.
func Load(c Config, settings []byte, open func(name string, c weir.Config) (*weir.Stream, error)) (*Account, error) {
	a, err := newAccount(c)
	if err != nil {
		return nil, err
	}
	a.memory.Count(accountBytes)
	if err := a.load(settings, open); err != nil {
		a.Discard()
		return nil, err
	}
	if m := a.config.Memory; m != nil {
		m.join(a)
	}
	return a, nil
}

func (a *Account) load(settings []byte, open func(name string, c weir.Config) (*weir.Stream, error)) error {
	var saved savedAccount
	if err := json.Unmarshal(settings, &saved); err != nil {
		return fmt.Errorf("saved account: %w", err)
	}
	if saved.Version < 1 || saved.Version > savedVersion {
		return fmt.Errorf("saved account: it is of version %d; versions up to %d can be read", saved.Version, savedVersion)
	}
	return a.take(&saved, func(_ uint64, name string, c weir.Config) (*weir.Stream, error) { return open(name, c) }, 1)
}

// An opener returns the engine's stream of a number, which is 0 in memory, and a
// name.
type opener func(number uint64, name string, c weir.Config) (*weir.Stream, error)

// take makes the account what was saved. It opens so many streams at a time.
func (a *Account) take(saved *savedAccount, open opener, together int) error {
	a.commitment, a.channelSeq, a.queueSeq = saved.Commitment, saved.ChannelSeq, saved.QueueSeq
	a.deleted.after = saved.Deleted
	list, errs := make([]*stream, len(saved.Streams)), make([]error, len(saved.Streams))
	var opening sync.WaitGroup
	free := make(chan struct{}, together)
	for i := range saved.Streams {
		free <- struct{}{}
		opening.Go(func() {
			if list[i], errs[i] = a.loadStream(&saved.Streams[i], open); errs[i] != nil {
				errs[i] = fmt.Errorf("stream %s: %w", saved.Streams[i].Name, errs[i])
			}
			<-free
		})
	}
	opening.Wait()
	streams := make(map[string]*stream, len(list))
	a.streams.Store(&streams)
	for _, st := range list {
		if st != nil {
			streams[st.name] = st
		}
	}
	err := errors.Join(errs...)
	if err == nil {
		err = a.enterRest(saved, streams)
	}
	if err != nil {
		_ = a.closeEngines() // nothing was changed
	}
	return err
}

// enterRest enters what streams have, and counts what all takes.
func (a *Account) enterRest(saved *savedAccount, streams map[string]*stream) error {
	if err := a.loadChannels(saved.Channels, streams); err != nil {
		return err
	}
	if err := a.loadQueues(saved.Queues, streams); err != nil {
		return err
	}
	for _, st := range streams {
		st.recountLocked() // nobody else has the account yet
	}
	return nil
}

func (a *Account) loadStream(saved *savedStream, open opener) (*stream, error) {
	st := &stream{
		a: a, name: saved.Name, number: saved.number, arn: a.arnOf("stream/" + saved.Name), created: saved.Created,
		clock: &streamClock{now: a.config.Now}, memory: a.config.newShare(),
	}
	if err := st.fill(saved); err != nil {
		return nil, err
	}
	config := a.config.Stream
	config.Now = st.clock.read
	if st.memory != nil {
		config.Memory = st.memory
	}
	if st.number != 0 {
		config.Name = st.name
	}
	engine, err := open(st.number, st.name, config)
	if err != nil {
		st.memory.end()
		return nil, err
	}
	if engine.Name() != st.name {
		return nil, fmt.Errorf("the saved stream is %s", engine.Name())
	}
	st.engine = engine
	if err := st.reconcile(); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	return st, nil
}

// fill makes a stream what was saved of it. Consumers that it has stay the same.
func (st *stream) fill(saved *savedStream) error {
	if ch := saved.Change; ch != nil && !ch.valid() {
		return fmt.Errorf("saved account: unknown change %q", ch.What)
	}
	st.status, st.change, st.extra, st.mode, st.warm = saved.Status, saved.Change, saved.Extra, saved.Mode, saved.Warm
	st.tags, st.policy, st.metrics = addTags(nil, saved.Tags), saved.Policy, saved.Metrics
	st.switches, st.encrypts, st.decrypts = saved.Switches, saved.Encrypts, saved.Decrypts
	st.registered, st.suffixes = saved.Registered, saved.Suffixes
	if st.suffixes == nil {
		st.suffixes = make(map[string]int64)
	}
	st.due.Store(0)
	if ch := st.change; ch != nil {
		st.due.Store(ch.At.UnixNano())
	}
	st.open.Store(saved.Open)
	st.encryption.Store(saved.Encryption)
	there := st.consumers
	st.consumers = nil
	for _, s := range saved.Consumers {
		cons := &consumer{st: st, name: s.Name, arn: st.consumerARN(s.Name, s.Created), created: s.Created}
		if i := slices.IndexFunc(there, func(o *consumer) bool { return o.arn == cons.arn }); i >= 0 {
			cons = there[i]
		}
		cons.order, cons.status, cons.due, cons.tags, cons.policy = s.Order, s.Status, s.Due, addTags(nil, s.Tags), s.Policy
		st.consumers = append(st.consumers, cons)
	}
	return nil
}

// reconcile gives the engine the consumers that the account has: between the
// two being saved some may have come or gone.
func (st *stream) reconcile() error {
	wanted := make(map[string]bool)
	for _, cons := range st.consumers {
		wanted[cons.name] = cons.status != StatusDeleting
	}
	for _, there := range st.engine.Consumers() {
		if !wanted[there.Name] {
			_ = st.engine.DeregisterConsumer(context.Background(), there.Name) // there is one
		}
		delete(wanted, there.Name)
	}
	for name, missing := range wanted {
		if !missing {
			continue
		}
		if _, err := st.engine.RegisterConsumer(context.Background(), name); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) loadChannels(list []savedChannel, streams map[string]*stream) error {
	for _, saved := range list {
		ch := &channel{
			st: streams[saved.Stream], id: saved.ID, arn: a.arnOf("channel/" + saved.ID), name: saved.Name,
			order: saved.Order, created: saved.Created, status: saved.Status, due: saved.Due, role: saved.Role,
			record: saved.Record, s3: saved.S3, tables: saved.Tables, key: saved.Key, log: saved.Log,
			tags: addTags(nil, saved.Tags),
		}
		if ch.st == nil || ch.s3 == nil && ch.tables == nil {
			return errors.New("saved account: channel " + ch.name + " has no stream or no destination")
		}
		a.channels[ch.id] = ch
	}
	return nil
}

package console

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirstream/weir"
)

// The bounds of what forms may ask for. The stream or the account may allow less.
const (
	mostHours  = 8760    // a year, as the service
	mostTarget = 100_000 // shards
	mostShards = 10_000  // of a new stream
	longestTag = 128     // characters of the name of a stream or a consumer
)

// numberOf reads a field that has a number from 1 to most.
func numberOf(r *http.Request, field string, most int) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(r.FormValue(field)))
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%s: %.40q is no number from 1 to %d", field, r.FormValue(field), most)
	}
	return n, nil
}

// nameOf reads a field that has the name of a stream or a consumer.
func nameOf(r *http.Request, field string) (string, error) {
	name := strings.TrimSpace(r.FormValue(field))
	if name == "" || len(name) > longestTag {
		return "", fmt.Errorf("%s: %.40q has %d characters; 1 to %d are allowed", field, name, utf8.RuneCountInString(name), longestTag)
	}
	for _, c := range name {
		if !strings.ContainsRune(tagCharacters, c) {
			return "", fmt.Errorf("%s: %.80q has characters other than a-z, A-Z, 0-9, '.', '_' and '-'", field, name)
		}
	}
	return name, nil
}

const tagCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

func shardOf(r *http.Request, field string) (weir.ShardID, error) {
	return parseShard(field, r.FormValue(field))
}

func parseShard(field, text string) (weir.ShardID, error) {
	id, err := weir.ParseShardID(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %.60q is no id of a shard, such as %s", field, text, weir.ShardID(0))
	}
	return id, nil
}

// openShardOf reads a field that has an open shard.
func openShardOf(r *http.Request, field string, s *weir.Stream) (weir.Shard, error) {
	id, err := shardOf(r, field)
	if err != nil {
		return weir.Shard{}, err
	}
	for _, sh := range s.Shards() {
		if sh.ID == id && sh.IsOpen() {
			return sh, nil
		}
	}
	return weir.Shard{}, fmt.Errorf("%s: %s is not open", field, id)
}

// hashOf reads a field that has a hash key; nil if it is empty.
func hashOf(r *http.Request, field string) (*weir.HashKey, error) {
	text := strings.TrimSpace(r.FormValue(field))
	if text == "" {
		return nil, nil
	}
	k, err := weir.ParseHashKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %.60q is no hash key, a decimal number from 0 to 2^128 - 1", field, text)
	}
	return &k, nil
}

// readPut reads a record.
func (d *changeData) readPut(r *http.Request) error {
	e := weir.Entry{PartitionKey: r.PostFormValue("key")}
	if n := utf8.RuneCountInString(e.PartitionKey); n < 1 || n > weir.MaxPartitionKeyLength {
		return fmt.Errorf("key: %.40q has %d characters; 1 to %d are allowed", e.PartitionKey, n, weir.MaxPartitionKeyLength)
	}
	var err error
	if e.ExplicitHashKey, err = hashOf(r, "hash"); err != nil {
		return err
	}
	if e.Data, err = fileOf(r); err == nil && len(e.Data) == 0 {
		e.Data, err = dataOf(r)
	}
	d.Action = Put{e}
	d.keepPut(e, r.FormValue("hash"))
	return err
}

// keptBytes is how long a record may be that is kept in the page that says why it
// was not put.
const keptBytes = 64 << 10

// keepPut keeps a record for a form that puts it again, should that fail. One that
// is too long has no button, and is to be given again.
func (d *changeData) keepPut(e weir.Entry, hash string) {
	if len(e.Data) > keptBytes {
		d.Button = ""
		d.Warning = "The record is too long to be kept on this page: go back to put it again."
		return
	}
	d.Fields = append(d.Fields, [2]string{"key", e.PartitionKey}, [2]string{"hash", hash},
		[2]string{"as", "base64"}, [2]string{"data", base64.StdEncoding.EncodeToString(e.Data)})
}

// dataOf reads the data of a record that is given as text. A browser sends the
// lines of a field with the line ends of a form, which nobody typed.
func dataOf(r *http.Request) (data []byte, err error) {
	text := r.PostFormValue("data")
	switch as := r.PostFormValue("as"); as {
	case "", "text":
		return []byte(strings.ReplaceAll(text, "\r\n", "\n")), nil
	case "base64":
		data, err = base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	case "hex":
		data, err = hex.DecodeString(strings.Join(strings.Fields(text), ""))
	default:
		return nil, fmt.Errorf("as: %.40q is none of text, base64 and hex", as)
	}
	if err != nil {
		return nil, fmt.Errorf("data: it is no %s: %w", r.PostFormValue("as"), err)
	}
	return data, nil
}

// fileOf reads the file of a form; nil if there is none.
func fileOf(r *http.Request) ([]byte, error) {
	if r.MultipartForm == nil || len(r.MultipartForm.File["file"]) == 0 {
		return nil, nil
	}
	if n := len(r.MultipartForm.File["file"]); n > 1 {
		return nil, fmt.Errorf("file: there are %d; a record is made of 1", n)
	}
	file, err := r.MultipartForm.File["file"][0].Open()
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	return data, nil
}

// readSplit reads which shard is to be split where: at a hash key, at a part of
// its range, or in the middle.
func (d *changeData) readSplit(r *http.Request) error {
	sh, err := openShardOf(r, "shard", d.Stream.Engine)
	if err != nil {
		return err
	}
	at := sh.HashKeyRange.Middle()
	key, err := hashOf(r, "key")
	if err != nil {
		return err
	}
	switch text := r.FormValue("part"); {
	case key != nil:
		at = *key
	case text != "":
		part, err := strconv.ParseFloat(text, 64)
		if err != nil || !(part > 0 && part < 1) {
			return fmt.Errorf("part: %.40q is no number between 0 and 1", text)
		}
		at = keyAt(sh.HashKeyRange, part)
	}
	if !sh.HashKeyRange.CanSplitAt(at) {
		return fmt.Errorf("key: %s cannot be split at %s: it has the hash keys %s", sh.ID, at, sh.HashKeyRange)
	}
	d.Action, d.Range = Split{sh.ID, at}, &sh.HashKeyRange
	d.Fields = append(d.Fields, [2]string{"key", at.String()}) // whatever becomes of the shard meanwhile
	start, end := placeOf(sh.HashKeyRange.Start), placeOf(sh.HashKeyRange.End)
	d.Cut = 100 * (placeOf(at) - start) / max(end-start, 1e-30)
	d.PlanText = fmt.Sprintf("The lower child gets %.1f %% of its hash keys, the upper one %.1f %%.", d.Cut, 100-d.Cut)
	for _, part := range []int{125, 250, 375, 500, 625, 750, 875} {
		d.Choices = append(d.Choices, splitChoice{fmt.Sprintf("%.1f %%", float64(part)/10),
			link(changePage, d.Stream, "do", "split", "shard", sh.ID.String(), "key", keyAt(sh.HashKeyRange, float64(part)/1000).String())})
	}
	return nil
}

func (d *changeData) readMerge(r *http.Request) error {
	lower, err := openShardOf(r, "lower", d.Stream.Engine)
	if err != nil {
		return err
	}
	upper, err := openShardOf(r, "upper", d.Stream.Engine)
	if err != nil {
		return err
	}
	if lower.HashKeyRange.End.Add(1) != upper.HashKeyRange.Start || upper.HashKeyRange.Start.Compare(lower.HashKeyRange.Start) < 0 { // the last has none behind it
		return fmt.Errorf("upper: %s does not have the hash keys that follow those of %s", upper.ID, lower.ID)
	}
	d.Action = Merge{lower.ID, upper.ID}
	d.PlanText = "Both are closed, and one shard takes their hash keys. What is in them stays readable until retention has passed."
	return nil
}

// planShown is how many steps of a plan are shown.
const planShown = 200

func (d *changeData) readResize(r *http.Request) error {
	target, err := numberOf(r, "target", mostTarget)
	if err != nil {
		return err
	}
	d.Action = Resize{target}
	plan, err := d.Stream.Engine.PlanResize(target)
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	splits := 0
	for _, step := range plan {
		if step.IsSplit() {
			splits++
		}
	}
	open := d.Stream.Engine.Capacity().OpenShards
	d.PlanText = fmt.Sprintf("%s and %s lead from %s to %s.", number(splits, "split", "splits"), number(len(plan)-splits, "merge", "merges"),
		number(open, "open shard", "open shards"), countText(target))
	if len(plan) == 0 {
		d.PlanText = fmt.Sprintf("The stream has %s already: there is nothing to do.", number(open, "open shard", "open shards"))
	}
	d.Plan, d.PlanLeft = plan[:min(len(plan), planShown)], max(0, len(plan)-planShown)
	return nil
}

func (d *changeData) readRetention(r *http.Request) error {
	hours, err := numberOf(r, "hours", mostHours)
	to, before := time.Duration(hours)*time.Hour, d.Stream.Engine.Settings().Retention
	d.Action = SetRetention{to, before}
	if to < before {
		d.Warning = "Records older than that become unreadable at once, and stay so."
	}
	return err
}

func (d *changeData) readMode(r *http.Request) error {
	var m weir.Mode
	if err := m.UnmarshalText([]byte(r.FormValue("mode"))); err != nil {
		return fmt.Errorf("mode: %.40q is neither provisioned nor on-demand", r.FormValue("mode"))
	}
	d.Action, d.Warning = SetMode{m}, "The mode can be switched twice in 24 hours."
	return nil
}

func (d *changeData) readRegister(r *http.Request) error {
	name, err := nameOf(r, "consumer")
	d.Action = Register{name}
	return err
}

func (d *changeData) readDeregister(r *http.Request) error {
	name, err := nameOf(r, "consumer")
	d.Action, d.Warning = Deregister{name}, "Its subscriptions end at once."
	return err
}

var errNoCreating = errors.New("streams cannot be created or deleted here: the program makes them")

// readCreate reads a new stream: how many shards, none if it is on demand.
func (d *changeData) readCreate(r *http.Request) (err error) {
	if !d.frame.Create {
		return errNoCreating
	}
	if d.Stream.Name, err = nameOf(r, "name"); err != nil {
		return err
	}
	switch mode := r.FormValue("mode"); mode {
	case "on-demand":
		d.Action = Create{}
		return nil
	case "provisioned", "":
		n, err := numberOf(r, "shards", mostShards)
		d.Action = Create{n}
		return err
	default:
		return fmt.Errorf("mode: %.40q is neither provisioned nor on-demand", mode)
	}
}

func (d *changeData) readDelete(*http.Request) error {
	if !d.frame.Create {
		return errNoCreating
	}
	d.Action, d.Typed = Delete{}, d.Stream.Name
	d.Warning = "The stream, its records and its registered consumers are gone then. Type the stream's name to confirm."
	return nil
}

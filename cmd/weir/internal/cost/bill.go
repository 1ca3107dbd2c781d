package cost

// A Plan is a way in which the service charges.
type Plan string

const (
	Provisioned Plan = "provisioned"
	OnDemand    Plan = "on-demand"
	Advantage   Plan = "on-demand advantage"
)

// Plans returns the plans in the order in which they are shown.
func Plans() []Plan { return []Plan{Provisioned, OnDemand, Advantage} }

// A Bill is what a month costs by one plan.
type Bill struct {
	Plan  Plan    `json:"plan"`
	Items []Item  `json:"items"` // those that cost something, in a fixed order
	Total float64 `json:"total"`
}

// An Item is one line of a bill.
type Item struct {
	What     string  `json:"what"`
	Quantity float64 `json:"quantity"`
	Unit     string  `json:"unit"`
	Price    float64 `json:"price"` // of one unit
	Amount   float64 `json:"amount"`
}

// add adds a line, unless there is nothing of it.
func (b *Bill) add(what string, quantity float64, unit string, price float64) {
	if quantity == 0 {
		return
	}
	amount := quantity * price
	b.Items = append(b.Items, Item{what, quantity, unit, price, amount})
	b.Total += amount
}

// Bill returns what a month costs by a plan.
func (p Prices) Bill(plan Plan, month Usage) Bill {
	switch plan {
	case Provisioned:
		return p.provisioned(month)
	case OnDemand:
		return p.onDemand(month)
	default:
		return p.advantage(month)
	}
}

// Bills returns a bill for each plan.
func (p Prices) Bills(month Usage) []Bill {
	var bills []Bill
	for _, plan := range Plans() {
		bills = append(bills, p.Bill(plan, month))
	}
	return bills
}

func (p Prices) provisioned(u Usage) Bill {
	b, price := Bill{Plan: Provisioned}, p.Provisioned
	shardHours := u.Shards * u.Period.Hours()
	b.add("shards", shardHours, "shard-hours", price.ShardHour)
	b.add("payload units put", u.PutUnits/1e6, "million units", price.PutUnitsMillion)
	if u.Retention > freeRetention {
		b.add("extended retention", shardHours, "shard-hours", price.ExtendedRetentionShardHour)
	}
	b.add("long-term retention", u.longBytes()/p.Gigabyte, "GB-months", price.LongRetentionGBMonth)
	b.add("long-term retrieval", u.OldBytes/p.Gigabyte, "GB", price.LongRetrievalGB)
	b.add("fan-out data", u.Bytes*float64(u.FanOutReaders)/p.Gigabyte, "GB", price.FanOutGB)
	b.add("fan-out consumers", shardHours*float64(u.FanOutReaders), "consumer-shard-hours", price.FanOutConsumerShardHour)
	return b
}

func (p Prices) onDemand(u Usage) Bill {
	b, price := Bill{Plan: OnDemand}, p.OnDemand
	b.add("stream", u.Period.Hours(), "stream-hours", price.StreamHour)
	b.add("data in, in whole KiB", u.RoundedBytes/p.Gigabyte, "GB", price.InGB)
	b.add("data out", u.Bytes*float64(u.Readers)/p.Gigabyte, "GB", price.OutGB)
	b.add("fan-out data", u.Bytes*float64(u.FanOutReaders)/p.Gigabyte, "GB", price.FanOutGB)
	b.add("extended retention", u.extendedBytes()/p.Gigabyte, "GB-months", price.ExtendedRetentionGBMonth)
	b.add("long-term retention", u.longBytes()/p.Gigabyte, "GB-months", price.LongRetentionGBMonth)
	return b
}

// advantage prices a stream that is the only one of its account's commitment: what
// it falls short of the minimum is charged.
func (p Prices) advantage(u Usage) Bill {
	b, price := Bill{Plan: Advantage}, p.Advantage
	const mib = 1 << 20
	in := u.RoundedBytes
	shared, fanOut := u.Bytes*float64(u.Readers), u.Bytes*float64(u.FanOutReaders)
	b.add("data in, in whole KiB", in/p.Gigabyte, "GB", price.InGB)
	missing := max(0, price.MinimumInMiBPerSecond*mib*u.Period.Seconds()-in)
	b.add("data in, short of the minimum", missing/p.Gigabyte, "GB", price.InGB)
	b.add("data out", shared/p.Gigabyte, "GB", price.OutGB)
	b.add("fan-out data", fanOut/p.Gigabyte, "GB", price.FanOutGB)
	missing = max(0, price.MinimumOutMiBPerSecond*mib*u.Period.Seconds()-shared-fanOut)
	b.add("data out, short of the minimum", missing/p.Gigabyte, "GB", price.OutGB)
	b.add("extended retention", u.extendedBytes()/p.Gigabyte, "GB-months", price.ExtendedRetentionGBMonth)
	b.add("long-term retention", u.longBytes()/p.Gigabyte, "GB-months", price.LongRetentionGBMonth)
	return b
}

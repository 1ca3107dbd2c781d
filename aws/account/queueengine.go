package account

type queueRates struct{}

func (q *workQueue) open(*control) error    { return nil }
func (q *workQueue) load(*savedQueue) error { return nil }
func (q *workQueue) tune()                  {}
func (q *workQueue) shut()                  { q.serving.Store(false) }

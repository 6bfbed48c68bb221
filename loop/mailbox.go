package loop

const (
	// mailPasses bounds how often a burst takes the mailbox's tasks, so that
	// tasks that post tasks cannot keep the loop from its connections.
	mailPasses = 8
	// mailKeep is the largest list of tasks that is kept for reuse.
	mailKeep = 4096
)

// Task is work for a loop. Run is called once, on the loop's goroutine; a
// pooled task may put itself back in its pool there.
type Task interface {
	Run(l *Loop)
}

// TaskFunc is a function as a Task.
type TaskFunc func()

// Run implements Task.
func (f TaskFunc) Run(*Loop) { f() }

// Post has the loop run t. Tasks run in the order in which they were posted. It
// returns false, and t is not run, if the loop has ended. It is safe for
// concurrent use and never blocks on the loop. While the loop is in a burst it
// costs no system call: the loop runs t before the burst ends.
func (l *Loop) Post(t Task) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	l.inbox = append(l.inbox, t)
	wake := !l.awake
	l.awake = true
	l.mu.Unlock()
	if wake {
		l.be.Wake()
	}
	return true
}

// PostFunc is Post for a function.
func (l *Loop) PostFunc(f func()) bool { return l.Post(TaskFunc(f)) }

// runMail runs the tasks in the mailbox and those that they post.
func (l *Loop) runMail() {
	for range mailPasses {
		if len(l.batch) == 0 {
			l.mu.Lock()
			l.inbox, l.batch = l.batch, l.inbox
			l.mu.Unlock()
		}
		if len(l.batch) == 0 {
			return
		}
		for l.ran < len(l.batch) {
			l.runTasks()
		}
		l.ran = 0
		clear(l.batch)
		if l.batch = l.batch[:0]; cap(l.batch) > mailKeep {
			l.batch = nil
		}
	}
}

// closeMailbox has Post fail and runs the tasks that are left. The loop's
// goroutine must have ended, or be the caller's.
func (l *Loop) closeMailbox() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.runMail()
}

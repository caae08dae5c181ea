// A network of the test's own: loopback and nothing else, so that the machine's traffic and listeners are neither
// seen nor touched, and tests that run beside each other do not meet.
#pragma once

namespace demarc {

/// Moves this process into a new network namespace with loopback up, as root or as root of a user namespace. Before
/// any thread is started. False, with errno, where the machine does not allow it.
bool enter_own_network();

}  // namespace demarc

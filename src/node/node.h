// SPDX-License-Identifier: Apache-2.0
/*
 * A node: builds router, peers, lanes, interface and API from a configuration, and runs the control loop.
 */
#ifndef MYCELIUM_NODE_NODE_H
#define MYCELIUM_NODE_NODE_H

#include "node/config.h"

/*
 * Runs a node until SIGINT or SIGTERM. All conflicts (key file, ports, interface, privileges) are found before anything
 * starts and are printed on stderr in one go, each with its remedy. Returns the exit status: 0 after a signal, 1 when
 * it could not start or ended by an error. Main thread.
 */
int node_run(const struct node_config *config);

#endif

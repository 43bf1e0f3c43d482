// SPDX-License-Identifier: Apache-2.0
#include "sim/speaker.h"
const struct speaker_ops speaker_deployed = {.name = "deployed", .is_honest = true};
